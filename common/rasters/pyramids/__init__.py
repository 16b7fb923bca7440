"""An image and its overviews, made from rows that come once: means, compressed tiles, TIFF files. Imports `pixels`."""
