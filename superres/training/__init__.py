"""Training of a fusion network: settings, patches, losses, teacher, adversarial training. Imports `networks`."""
