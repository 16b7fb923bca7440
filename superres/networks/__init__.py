"""The fusion networks by name, and trained networks with their weights. Imports only `common`."""
