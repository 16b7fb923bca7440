"""Class probabilities of prepared patches, patch folders and scenes. Imports `archive`, `networks` and `prepared`."""
