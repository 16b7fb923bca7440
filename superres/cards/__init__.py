"""Model cards of run folders: training data, quality, limits and use of a network. Imports `networks`, `training` and `evaluation`."""
