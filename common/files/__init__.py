"""Files that appear whole or not at all, HDF5 files, and downloads. Imports no other room."""
