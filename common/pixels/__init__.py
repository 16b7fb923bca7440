"""Arithmetic on pixels and windows: bands, reflectance, degradation, holes. Imports no other room; reads no files."""
