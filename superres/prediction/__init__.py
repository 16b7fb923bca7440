"""A scene to a sharpened scene: windows, correction, writing. Imports `networks` and `uncertainty`."""
