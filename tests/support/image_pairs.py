"""Small images to compare with fusion metrics."""

import numpy as np


def random_dn(seed: int, rows: int = 16, cols: int = 14, bands: int = 3) -> np.ndarray:
    """Return random DN, (rows, cols, bands) uint16, none of them 0."""
    return np.random.default_rng(seed).integers(1, 12000, (rows, cols, bands), dtype=np.uint16)


def row_of_pixels(*spectra: tuple[float, ...]) -> np.ndarray:
    """Return an image of one row with these spectra, (1, pixels, bands) float64."""
    return np.array([spectra], dtype=np.float64)
