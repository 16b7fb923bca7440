"""A command's options, its run folder, its log and its provenance. Imports `files`."""
