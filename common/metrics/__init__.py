"""Formulas of fusion and multi-label metrics. NumPy, scikit-learn and scikit-image; imports no other room."""
