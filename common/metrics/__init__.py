"""Formulas of fusion and multi-label metrics. NumPy, SciPy, scikit-learn and scikit-image; imports no other room."""
