"""Optimizers of our own: quick ones with the formulas of Keras, and those for large batches."""
