"""Every figure of super-resolution, drawn from tables and arrays. Imports `evaluation`."""
