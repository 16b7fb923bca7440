"""Training of a classifier: settings, losses, validation. Imports `networks` and `prepared`."""
