"""Files that appear whole or not at all, HDF5 files, archives, downloads, checksums. Imports no other room."""
