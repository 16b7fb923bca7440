"""DN of a scene -> valid pixels and reflectance, by the metadata of that scene. NumPy only, no I/O."""

from collections.abc import Sequence

import numpy as np

from common.pixels.radiometry import dn_to_scaled_reflectance
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.scenes.scene import Scene


def band_offsets(scene: Scene, bands: Sequence[str]) -> np.ndarray:
    """Return the offsets of some bands: shape (bands,), float32, DN, in the order of `bands`."""
    return np.array([scene.offsets[band] for band in bands], dtype=np.float32)


def is_valid(scene: Scene, dn: np.ndarray) -> np.ndarray:
    """Mark the DN that are neither nodata nor saturated: shape of dn, bool."""
    valid = dn != scene.nodata
    valid &= dn != scene.saturated  # in place: a band of a whole tile is large
    return valid


def scaled_reflectance(scene: Scene, dn: np.ndarray, gsd: int) -> np.ndarray:
    """Convert DN to reflectance x 10000, the unit of the networks.

    Args:
        scene: gives the quantification value and the offsets.
        dn: shape (..., bands), uint16; all bands of one GSD in their fixed order.
        gsd: 10, 20 or 60 m.

    Returns:
        Shape of dn, float32.
    """
    return dn_to_scaled_reflectance(dn, scene.quantification, band_offsets(scene, BANDS_BY_GSD[gsd]))
