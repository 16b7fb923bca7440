"""Training of a fusion network: settings, patch source, losses, teacher, adversary. Imports `networks`."""
