"""DN <-> reflectance, by a product's own quantification value and offsets. NumPy only, no I/O.

    reflectance = (DN + offset) / quantification

Networks read reflectance x 10000 ("scaled reflectance"), whatever the quantification is. Bands are on the last axis;
offsets are one number, or one number a band. Results are float32, which holds every DN exactly. On the way to
reflectance nodata is an ordinary number: the caller keeps a mask of it for the way back.
"""

import re

import numpy as np
from numpy.typing import ArrayLike

from common.pixels.sentinel2 import NODATA_DN, SATURATED_DN

REFLECTANCE_SCALE = 10000.0
FIRST_BASELINE_WITH_OFFSET = "04.00"
USUAL_OFFSET = -0.1  # reflectance of DN 0 since then: -1000 DN
_LOCAL_BASELINES = "99"  # Sen2Cor and other processors that people run write 99.99 or 99.33


def usual_offset(baseline: str) -> float | None:
    """Return the usual offset of ESA's products of a processing baseline as a reflectance: 0, or -0.1 since 04.00.

    None if the baseline does not tell: it is unknown, or belongs to a processor that somebody ran, such as `99.99`.
    """
    if not re.fullmatch(r"\d\d\.\d\d", baseline) or baseline >= _LOCAL_BASELINES:
        return None
    return USUAL_OFFSET if baseline >= FIRST_BASELINE_WITH_OFFSET else 0.0


def dn_to_reflectance(dn: np.ndarray, quantification: float, offsets: ArrayLike = 0.0) -> np.ndarray:
    """Convert DN to reflectance, 0 to about 1.

    Args:
        dn: shape (..., bands), uint16 or another number type.
        quantification: the product's quantification value, normally 10000.
        offsets: DN; one number, or shape (bands,).

    Returns:
        Shape of dn, float32.

    Raises:
        ValueError: offsets are not as many as there are bands.
    """
    return _from_dn(dn, 1 / quantification, offsets)


def dn_to_scaled_reflectance(dn: np.ndarray, quantification: float, offsets: ArrayLike = 0.0) -> np.ndarray:
    """Convert DN to reflectance x 10000, the unit of the networks. Arguments and errors as in `dn_to_reflectance`."""
    return _from_dn(dn, REFLECTANCE_SCALE / quantification, offsets)


def scaled_reflectance_to_dn(
    scaled: np.ndarray, quantification: float, offsets: ArrayLike = 0.0, nodata: np.ndarray | None = None
) -> np.ndarray:
    """Convert reflectance x 10000 to DN: rounded, and clipped to the DN of valid pixels.

    Args:
        scaled: shape (..., bands), float.
        quantification: the product's quantification value, normally 10000.
        offsets: DN; one number, or shape (bands,).
        nodata: bool, True where a pixel has no data; shape of scaled, or (..., 1) for all bands.

    Returns:
        Shape of scaled, uint16: 1 to 65534, and 0 where nodata.

    Raises:
        ValueError: a pixel is NaN and is not marked as nodata, or offsets are not as many as there are bands.
    """
    result = np.array(scaled, dtype=np.float32)
    result *= np.float32(quantification / REFLECTANCE_SCALE)
    result -= _one_if_equal(offsets, result)
    if nodata is not None:
        np.copyto(result, NODATA_DN, where=nodata)
    if result.size and np.isnan(result.min()):  # min returns NaN for any NaN, without an array of flags
        raise ValueError("a pixel to be stored is not a number (NaN); check the network's output.")
    np.clip(np.rint(result, out=result), NODATA_DN + 1, SATURATED_DN - 1, out=result)
    if nodata is not None:
        np.copyto(result, NODATA_DN, where=nodata)
    return result.astype(np.uint16)


def _one_if_equal(offsets: ArrayLike, image: np.ndarray) -> np.ndarray:
    """Return offsets as float32: one number if those of all bands are equal. NumPy adds it about ten times faster.

    Raises:
        ValueError: they are neither one number nor as many as the image has bands.
    """
    offsets = np.asarray(offsets, dtype=np.float32)
    if offsets.ndim and offsets.shape[-1:] != image.shape[-1:]:
        raise ValueError(
            f"offsets must be one number, or one a band; got {offsets.shape[-1]} for an image of shape {image.shape}."
        )
    return offsets[0] if offsets.ndim == 1 and offsets.size and (offsets == offsets[0]).all() else offsets


def _from_dn(dn: np.ndarray, factor: float, offsets: ArrayLike) -> np.ndarray:
    result = np.array(dn, dtype=np.float32)
    result += _one_if_equal(offsets, result)
    result *= np.float32(factor)
    return result
