"""Prepared files, our HDF5 files of an archive: planned, filled, written and read. Imports `archive` and `common`."""
