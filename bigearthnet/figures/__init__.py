"""Every figure of the application. Imports `evaluation`."""
