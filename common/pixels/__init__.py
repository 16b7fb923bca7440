"""Arithmetic on pixels and windows: bands, reflectance, degradation, holes. Imports NumPy and SciPy; no other room, no I/O."""
