"""Files that appear whole or not at all, HDF5 files, downloads, checksums. Imports no other room."""
