"""Arithmetic on pixels and windows: bands, reflectance, degradation, holes. Imports no other room; no I/O."""
