"""Reading and writing rasters; the only room that imports GDAL. Imports `pixels`, `scenes` and `files`."""
