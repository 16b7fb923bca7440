"""Class probabilities of prepared patches, patch folders and scenes. Imports `networks` and `prepared`."""
