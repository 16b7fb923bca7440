"""STAC items of Sentinel-2 archives: their properties, band files and offsets. Imports `pixels` and `files`, and `scenes` around it."""
