"""Keras layers, precisions and weights that both applications use. Imports `pixels` and `files`."""
