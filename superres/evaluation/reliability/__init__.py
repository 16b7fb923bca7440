"""Calibrations of expected errors, and tables of their test. Imports `networks`, `prediction`, `uncertainty`; `evaluation` around it."""
