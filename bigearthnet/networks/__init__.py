"""The classification networks, chosen by name. Imports `archive`."""
