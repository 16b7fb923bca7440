"""Every figure of classification. Imports `prepared`, `prediction` and `evaluation`."""
