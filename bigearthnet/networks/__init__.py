"""The classification networks by name. Imports `archive`."""
