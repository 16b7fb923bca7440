"""Measuring networks at reduced and at full scale, and the tables. Imports `prediction` and `networks`."""
