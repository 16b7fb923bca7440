"""Products, patch folders and tile lists: their metadata and the paths of their bands. Imports `pixels` and `files`; reads no pixels."""
