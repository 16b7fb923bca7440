"""Files that appear whole or not at all, HDF5 files, downloads. Imports no other room."""
