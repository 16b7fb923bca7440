"""The pixels of fake products, for tests of patches."""

import numpy as np

from common.pixels.sentinel2 import BANDS_BY_GSD
from tests.support.fake_safe import expected_dn


def native_dn(gsd: int, rows: int, cols: int) -> np.ndarray:
    """Return all bands of one GSD as `write_safe` writes them, (rows, cols, bands) uint16."""
    return np.stack([expected_dn(band, rows, cols) for band in BANDS_BY_GSD[gsd]], axis=-1)


def safe_pixels(size: int) -> dict[str, np.ndarray]:
    """Return all bands of a product of size x size px at 10 m, for `write_safe` after a change."""
    return {
        band: expected_dn(band, size * 10 // gsd, size * 10 // gsd)
        for gsd, bands in BANDS_BY_GSD.items()
        for band in bands
    }
