"""Scenes to HDF5 patch files: degrade, sample, cache, split, stage. Imports `pixels`, `scenes`, `files`, `rasters` and `runs`."""
