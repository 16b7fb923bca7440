"""Reports of super-resolution: what of an evaluation a page shows, and in which order. Imports `evaluation` and `figures`."""
