"""DN of a scene -> valid pixels and reflectance, by the metadata of that scene. NumPy only, no I/O."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

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


class ScaledImage:
    """Reflectance x 10000 that is stored as DN, in half the memory, and converted where it is read.

    Index it like an array, such as `image[rows, :, band]`: the result is an array of float32, the same part of
    `scaled_reflectance`.

    Args:
        scene, dn, gsd: as in `scaled_reflectance`.

    Attributes:
        shape, ndim: those of dn.
    """

    def __init__(self, scene: Scene, dn: np.ndarray, gsd: int):
        self._dn, self._quantification = dn, scene.quantification
        self._offsets = np.broadcast_to(band_offsets(scene, BANDS_BY_GSD[gsd]), dn.shape)
        self.shape, self.ndim = dn.shape, dn.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        return dn_to_scaled_reflectance(self._dn[index], self._quantification, self._offsets[index])

    def __len__(self) -> int:
        return len(self._dn)

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole image. For `np.asarray`; raise ValueError for copy=False, because the array is always a new one."""
        if copy is False:
            raise ValueError("a ScaledImage is converted into a new array; leave out copy=False.")
        return np.asarray(self[...], dtype)
