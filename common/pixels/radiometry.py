"""DN <-> reflectance, with a product's own quantification value and offsets. Pure NumPy, no I/O.

    reflectance = (DN + offset) / quantification

Networks see reflectance x 10000 ("scaled reflectance"), whatever the quantification. Bands are on the last axis, so
that offsets is one number or one a band. Results are float32, which holds every DN exactly. These functions do not know
about nodata: DN 0 becomes an ordinary number, and the caller keeps the mask of such pixels for the way back.
"""

import numpy as np
from numpy.typing import ArrayLike

from common.pixels.sentinel2 import NODATA_DN, SATURATED_DN

REFLECTANCE_SCALE = 10000.0


def dn_to_reflectance(dn: np.ndarray, quantification: float, offsets: ArrayLike = 0.0) -> np.ndarray:
    """Stored numbers to reflectance (0 to about 1).

    Args:
        dn: shape (..., bands), uint16, or any other number type.
        quantification: the product's quantification value, normally 10000.
        offsets: DN; one number, or shape (bands,).

    Returns:
        Shape of dn, float32.
    """
    return _from_dn(dn, 1 / quantification, offsets)


def dn_to_scaled_reflectance(dn: np.ndarray, quantification: float, offsets: ArrayLike = 0.0) -> np.ndarray:
    """Stored numbers to reflectance x 10000, the unit of the networks. Arguments as in `dn_to_reflectance`."""
    return _from_dn(dn, REFLECTANCE_SCALE / quantification, offsets)


def reflectance_to_dn(
    reflectance: np.ndarray, quantification: float, offsets: ArrayLike = 0.0, nodata: np.ndarray | None = None
) -> np.ndarray:
    """Reflectance (0 to about 1) to stored numbers, rounded, and clipped into what a valid pixel may be.

    Args:
        reflectance: shape (..., bands), float.
        quantification: the product's quantification value, normally 10000.
        offsets: DN; one number, or shape (bands,).
        nodata: True where a pixel has no data; shape of reflectance, or (..., 1) for all bands.

    Returns:
        Shape of reflectance, uint16: 1 to 65534, never wrapped, and 0 where nodata.

    Raises:
        ValueError: a valid pixel is not a number.
    """
    return _to_dn(reflectance, quantification, offsets, nodata)


def scaled_reflectance_to_dn(
    scaled: np.ndarray, quantification: float, offsets: ArrayLike = 0.0, nodata: np.ndarray | None = None
) -> np.ndarray:
    """Reflectance x 10000, the unit of the networks, to stored numbers. Arguments as in `reflectance_to_dn`."""
    return _to_dn(scaled, quantification / REFLECTANCE_SCALE, offsets, nodata)


def _from_dn(dn: np.ndarray, factor: float, offsets: ArrayLike) -> np.ndarray:
    result = np.array(dn, dtype=np.float32)
    result += np.asarray(offsets, dtype=np.float32)
    result *= np.float32(factor)
    return result


def _to_dn(values: np.ndarray, factor: float, offsets: ArrayLike, nodata: np.ndarray | None) -> np.ndarray:
    result = np.array(values, dtype=np.float32)
    result *= np.float32(factor)
    result -= np.asarray(offsets, dtype=np.float32)
    if nodata is not None:
        np.copyto(result, NODATA_DN, where=nodata)
    if result.size and np.isnan(result.min()):  # min passes NaN on, without an array of flags
        raise ValueError("a pixel to be stored is not a number (NaN); check the network's output.")
    np.clip(np.rint(result, out=result), NODATA_DN + 1, SATURATED_DN - 1, out=result)
    if nodata is not None:
        np.copyto(result, NODATA_DN, where=nodata)
    return result.astype(np.uint16)
