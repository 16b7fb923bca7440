"""The BigEarthNet archive as it is published: folders, labels, splits, images. Imports no other room of bigearthnet."""
