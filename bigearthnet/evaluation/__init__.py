"""Scores and tables of a classifier. Imports `prepared`, `training` and `prediction`."""
