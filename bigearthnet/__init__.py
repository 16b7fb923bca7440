"""Classify the land cover of Sentinel-2 patches, and measure the result. Imports `common`."""

import common  # noqa: F401  sets TensorFlow's log level before any module imports TensorFlow
