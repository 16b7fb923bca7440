"""Reading and writing rasters: the only room that imports GDAL. Imports `scenes`, `files` and `pixels`."""
