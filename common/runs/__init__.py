"""A command's options, run folder, log, progress, tables and provenance. Imports `files`."""
