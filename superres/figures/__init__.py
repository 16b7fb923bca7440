"""Every figure of the application, drawn from tables and arrays. Imports `evaluation`."""
