"""Locks that one job at a time holds on a run folder or an output, and signs of life of the ranks. Imports `files`, and
`runs` around it.
"""
