"""Arithmetic on pixels and windows: band table, radiometry, degradation, holes. NumPy and SciPy only."""
