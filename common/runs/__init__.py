"""A command's options, its run folder, its log, its progress, its tables and its provenance. Imports `files`."""
