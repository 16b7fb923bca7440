"""Products, patch folders and tile lists: their metadata and the paths of their bands. Reads no pixels; imports `pixels`."""
