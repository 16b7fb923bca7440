"""Formulas of fusion metrics and of multi-label metrics. Imports no other room."""
