"""Reports of classification: what of an evaluation a page shows, and in which order. Imports `evaluation`."""
