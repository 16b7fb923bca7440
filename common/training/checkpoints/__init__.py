"""Checkpoints, and how a run continues from one, also inside an epoch. Imports `files`, `runs` and `networks`, and `training`
around it.
"""
