"""The BigEarthNet archive as it is published: folders, labels, splits, images. Imports `common` only."""
