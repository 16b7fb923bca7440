"""Reading and writing rasters; the only room that imports GDAL. Imports `scenes` and `pixels`."""
