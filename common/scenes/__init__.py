"""What a product says of itself: names, metadata, band files. Reads no pixels; imports `pixels`."""
