"""The fusion networks by name, and trained networks with their weights. Imports no other room of superres."""
