"""Files that appear whole or not at all, and downloads. Imports no other room."""
