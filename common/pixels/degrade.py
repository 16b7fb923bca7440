"""Degrade a band as Wald's protocol asks: Gaussian blur, then the mean of square blocks. NumPy only, no I/O.

Arrays are (rows, cols, bands). Sigma and reach are in pixels of the finer grid. Blur and block mean are computed as one
weighted sum with stride s, first over rows, then over columns. The code works in strips of rows that fit into the
processor's cache; the result does not depend on the height of a strip.

Reference:
    Lanaras et al. 2018, arXiv:1803.04271, section 3 (blur sigma 1/s, then s x s means).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from common.pixels.sentinel2 import BANDS

TRUNCATE_SIGMAS = 4.0  # the blur ends here, as in scipy.ndimage.gaussian_filter
STRIP_BYTES = 2**21  # of float32 pixels in one strip; 1 to 4 MB are equally fast, less or more is slower
MAX_DN = np.iinfo(np.uint16).max


def gaussian_blur_sigmas(bands: Sequence[str], scale_factor: int, kind: str = "gaussian") -> tuple[float, ...]:
    """Return the standard deviation of the blur for each band, in pixels of the finer grid.

    Args:
        bands: names such as `B05`.
        scale_factor: s, the ratio of the two GSDs, 2 or 6.
        kind: `gaussian` (1 / s for every band) or `mtf` (s sqrt(-2 ln MTF / pi^2), from the band's modulation
            transfer function at the Nyquist frequency).

    Raises:
        ValueError: kind is unknown, or it is `mtf` and a band has no known MTF.
    """
    if kind == "gaussian":
        return (1.0 / scale_factor,) * len(bands)
    if kind == "mtf":
        return tuple(_mtf_sigma(band, scale_factor) for band in bands)
    raise ValueError(f"kind of blur must be 'gaussian' or 'mtf'; got {kind!r}.")


def _mtf_sigma(band: str, scale_factor: int, of_block: float = 1.0) -> float:
    """Return the blur that has the MTF of a band together with a block mean, whose response is `of_block`."""
    mtf = BANDS[band].mtf_nyquist
    if mtf is None:
        raise ValueError(f"blur 'mtf' needs the MTF of each band; {band} has none: use 'gaussian', or leave it out.")
    return scale_factor * math.sqrt(-2.0 * math.log(mtf / of_block)) / math.pi


def mtf_matched_sigmas(bands: Sequence[str], scale_factor: int) -> tuple[float, ...]:
    """Return the blur of each band with which `degrade`, blur and block mean together, has the band's MTF.

    The MTF is that at the Nyquist frequency of the coarse grid, as for the filters of Khan et al. 2009
    (doi:10.1109/TGRS.2009.2029094). The block mean alone has a response of 1 / (s sin(pi / 2s)) there, 0.71 for s = 2; the
    blur has the rest. `gaussian_blur_sigmas` with `mtf` gives the whole MTF to the blur.

    Args:
        bands: names such as `B05`, of bands with an MTF.
        scale_factor: s, the ratio of the two GSDs, 2 or 6.

    Returns:
        Standard deviations in pixels of the finer grid.
    """
    of_block = 1 / (scale_factor * math.sin(math.pi / (2 * scale_factor)))
    return tuple(_mtf_sigma(band, scale_factor, of_block) for band in bands)


def blur_reach(sigma: float) -> int:
    """Return how many pixels the blur reaches to each side."""
    return int(TRUNCATE_SIGMAS * sigma + 0.5)


def degrade(image: np.ndarray, scale_factor: int, sigmas: Sequence[float]) -> np.ndarray:
    """Blur each band with a Gaussian and average square blocks, as a sensor with a coarser GSD would.

    Borders are mirrored (half-sample symmetric, SciPy's "reflect"), so every band keeps its mean.

    Args:
        image: shape (rows, cols, bands), uint16 or float, DN or reflectance; rows and cols are multiples of
            scale_factor.
        scale_factor: s, the ratio of the two GSDs.
        sigmas: standard deviation of the blur for each band, in pixels of image; 0 does not blur.

    Returns:
        Shape (rows / s, cols / s, bands), float32, unit of image.

    Raises:
        ValueError: rows or cols is not a multiple of scale_factor, or there is not one sigma for each band.
    """
    return _degrade(image, scale_factor, sigmas, np.float32)


def degrade_to_dn(image: np.ndarray, scale_factor: int, sigmas: Sequence[float]) -> np.ndarray:
    """Degrade an image and round it to uint16 DN, as a patch file stores them. Arguments and errors as in `degrade`.

    Pixels of at least DN 1 give at least DN 1, so a valid pixel never becomes nodata (DN 0). `degrade_mask` finds the
    pixels with nodata in their blur.
    """
    return _degrade(image, scale_factor, sigmas, np.uint16)


def degrade_mask(valid: np.ndarray, scale_factor: int, reach: int) -> np.ndarray:
    """Mark the pixels of a degraded image that depend on valid pixels only.

    Args:
        valid: shape (rows, cols), bool.
        scale_factor: s, the ratio of the two GSDs.
        reach: pixels that the blur reaches, `blur_reach(max(sigmas))`.

    Returns:
        Shape (rows / s, cols / s), bool.

    Raises:
        ValueError: rows or cols is not a multiple of scale_factor.
    """
    coarse = np.empty(_coarse_shape(valid.shape, scale_factor), bool)
    fold = partial(_all_of, count=scale_factor + 2 * reach, stride=scale_factor)
    for rows, strip in _coarse_strips(valid, scale_factor, reach, fold):
        coarse[rows] = strip
    return coarse


def repeat_pixels(mask: np.ndarray, factor: int) -> np.ndarray:
    """Bring a (rows, cols) mask to a grid `factor` times finer: each pixel becomes factor x factor equal pixels."""
    return mask.repeat(factor, axis=0).repeat(factor, axis=1)


def _degrade(image: np.ndarray, scale_factor: int, sigmas: Sequence[float], dtype: type) -> np.ndarray:
    """Degrade to float32, or to uint16 with rounding and clipping."""
    if len(sigmas) != image.shape[-1]:
        raise ValueError(f"expected one sigma for each of {image.shape[-1]} bands; got {len(sigmas)}.")
    coarse = np.empty((*_coarse_shape(image.shape, scale_factor), image.shape[-1]), dtype)
    for band, sigma in enumerate(sigmas):
        fold = partial(_weighted_sum, weights=point_spread(sigma, scale_factor), stride=scale_factor)
        for rows, strip in _coarse_strips(image[..., band], scale_factor, blur_reach(sigma), fold):
            coarse[rows, :, band] = strip if dtype is np.float32 else np.rint(strip).clip(0, MAX_DN)
    return coarse


def _coarse_shape(shape: tuple[int, ...], scale_factor: int) -> tuple[int, int]:
    rows, cols = shape[:2]
    if scale_factor < 1 or rows % scale_factor or cols % scale_factor:
        raise ValueError(
            f"scale_factor must be at least 1 and divide rows and cols; got {scale_factor} for {rows} x {cols} px: "
            f"crop the image to a multiple."
        )
    return rows // scale_factor, cols // scale_factor


def point_spread(sigma: float, scale_factor: int) -> np.ndarray:
    """Return the weights of fine pixels in a coarse pixel along one axis: the Gaussian convolved with the block mean.

    s + 2 reach weights, symmetric, of sum 1, float32.
    """
    offsets = np.arange(-blur_reach(sigma), blur_reach(sigma) + 1)
    gaussian = np.exp(-0.5 * (offsets / sigma) ** 2) if len(offsets) > 1 else np.ones(1)
    weights = np.convolve(gaussian / gaussian.sum(), np.full(scale_factor, 1.0 / scale_factor))
    return weights.astype(np.float32)


def _coarse_strips(
    plane: np.ndarray, scale_factor: int, reach: int, fold_rows: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Reduce (rows, cols) to (rows / s, cols / s) and yield the result in strips: index of its rows, and pixels.

    `fold_rows` combines s + 2 reach neighbouring rows into one, with stride s.
    """
    rows, cols = plane.shape
    height = max(1, STRIP_BYTES // (4 * cols * scale_factor))
    for top in range(0, rows // scale_factor, height):
        bottom = min(top + height, rows // scale_factor)
        fine = plane[_mirrored_indices(top * scale_factor - reach, bottom * scale_factor + reach, rows)]
        folded = fold_rows(fine).take(_mirrored_indices(-reach, cols + reach, cols), axis=1)
        yield slice(top, bottom), fold_rows(folded.T).T


def _mirrored_indices(start: int, stop: int, length: int) -> np.ndarray:
    """Return indices start .. stop - 1, mirrored at the edges of `length` pixels: .. 1 0 | 0 1 .. n-1 | n-1 n-2 .."""
    indices = np.arange(start, stop) % (2 * length)
    return np.minimum(indices, 2 * length - 1 - indices)


def _weighted_sum(fine: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """Return the sum over k of weights[k] * fine[k + i * stride] for each i, float32.

    The weights are symmetric: two rows of equal weight share one multiplication.
    """
    fine = fine.astype(np.float32, copy=False)
    last = len(weights) - 1
    span = len(fine) - last
    total = np.float32(0)
    for first in range(len(weights) // 2):
        mirror = last - first
        total = total + weights[first] * (fine[first : first + span : stride] + fine[mirror : mirror + span : stride])
    if len(weights) % 2:
        middle = last // 2
        total = total + weights[middle] * fine[middle : middle + span : stride]
    return total


def _all_of(valid: np.ndarray, count: int, stride: int) -> np.ndarray:
    """Return for each i whether valid[k + i * stride] is true for all k < count."""
    span = len(valid) - count + 1
    return np.logical_and.reduce([valid[first : first + span : stride] for first in range(count)])
