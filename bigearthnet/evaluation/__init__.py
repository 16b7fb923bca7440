"""Scores and tables of a classifier. Imports `training` and `prediction`."""
