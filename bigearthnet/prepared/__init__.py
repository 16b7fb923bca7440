"""Our HDF5 file of an archive: selected, filled, written and read. Imports `archive`."""
