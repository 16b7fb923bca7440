"""Fuse the 10, 20 and 60 m bands of Sentinel-2 so that all have 10 m pixels, and measure the result. Imports `common`."""

import common  # noqa: F401  sets TensorFlow's log level before any module imports TensorFlow
