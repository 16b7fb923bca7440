"""STAC items that describe results, for catalogs and other programs. Imports `pixels`, `scenes`, `files` and `rasters`."""
