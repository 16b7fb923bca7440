"""Scenes to HDF5 patch files: degrade, sample, cache, split. Imports `pixels`, `scenes`, `files`, `rasters` and `runs`."""
