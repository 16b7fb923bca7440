"""Class probabilities of patches and of squares of a scene. Imports `networks` and `prepared`."""
