"""Prepared files, the HDF5 files made of an archive: planned, filled, written and read. Imports `archive`."""
