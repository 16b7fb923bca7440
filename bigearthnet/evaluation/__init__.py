"""Scores and tables of a classifier. Imports `prediction`."""
