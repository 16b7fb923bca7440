"""Formulas of fusion metrics and of multi-label metrics. Imports `pixels`."""
