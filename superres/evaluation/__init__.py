"""Metrics of methods at both scales, and their tables. Imports `networks`, `training`, `prediction`, `pansharpening` and `uncertainty`."""
