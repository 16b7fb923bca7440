"""Metrics of networks and interpolation at reduced and at full scale, and their tables. Imports `networks`, `training` and `prediction`."""
