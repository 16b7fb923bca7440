"""Keras layers and precisions that both applications use. Imports no other room."""
