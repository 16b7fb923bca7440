"""Scenes to HDF5 patch files: degrade, sample, cache, split. Imports `rasters`, `scenes`, `pixels`, `files` and `runs`."""
