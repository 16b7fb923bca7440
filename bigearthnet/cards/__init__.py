"""Model cards of run folders: training data, quality, limits and use of a classifier. Imports `archive`, `training` and `evaluation`."""
