"""Training of a classifier: settings, losses, validation. Imports `archive`, `networks` and `prepared`."""
