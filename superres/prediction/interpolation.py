"""Bilinear and bicubic interpolation, the baselines of every comparison. NumPy and SciPy, no TensorFlow, no I/O.

Arrays are (rows, cols, bands). Pixel centres lie at half numbers, and borders are mirrored about the centre of the
outermost pixel: results equal scikit-image's `resize(mode="reflect", anti_aliasing=False)`. The factor is a whole number,
so few weights are needed for a pixel, which is several times faster than `resize`. Strips of rows bound the memory.
"""

import math

import numpy as np
from scipy.ndimage import spline_filter

from common.pixels.upsampling import BICUBIC, BILINEAR

INTERPOLATIONS = {BILINEAR: 1, BICUBIC: 3}  # order of the spline
SPLINE_REACH = 16  # coarse pixels; a pixel farther away changes a bicubic one by less than 1e-9 of its own value
STRIP_ROWS = 64  # coarse rows that are upsampled at once


def interpolate(coarse: np.ndarray, shape: tuple[int, ...], order: int, clip: bool = True) -> np.ndarray:
    """Upsample an image by a spline.

    Args:
        coarse: (rows, cols, bands), any number type.
        shape: of the result, (rows * factor, cols * factor, bands).
        order: 1 (bilinear) or 3 (bicubic).
        clip: keep each band within its range in `coarse`, as scikit-image does. Without it, the result at a pixel depends
            only on pixels near it, so parts of an image can be upsampled one by one.

    Returns:
        An array of this shape, float32.

    Raises:
        ValueError: shape is not a multiple of the shape of coarse.
    """
    rows, cols, bands = coarse.shape
    factor = shape[0] // rows
    if tuple(shape) != (rows * factor, cols * factor, bands):
        raise ValueError(f"shape must be a multiple of {coarse.shape[:2]} with {bands} bands; got {tuple(shape)}.")
    result = np.empty(shape, np.float32)
    for band in range(bands):
        plane = coarse[..., band].astype(np.float64)
        knots = spline_filter(plane, order, mode="mirror") if order > 1 else plane
        limits = (plane.min(), plane.max()) if clip else (-np.inf, np.inf)
        for top in range(0, rows, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, rows)
            tall = _upsample_rows(knots, factor, order, top, bottom)
            wide = _upsample_rows(np.ascontiguousarray(tall.T), factor, order, 0, cols).T
            np.clip(wide, *limits, out=result[top * factor : bottom * factor, :, band], casting="same_kind")
    return result


def _upsample_rows(knots: np.ndarray, factor: int, order: int, top: int, bottom: int) -> np.ndarray:
    """Upsample rows top .. bottom - 1 along the first axis: ((bottom - top) * factor, cols) float64."""
    upsampled = np.empty(((bottom - top) * factor, knots.shape[1]))
    for phase in range(factor):
        first, weights = _phase_weights((phase + 0.5) / factor - 0.5, order)
        rows = [_mirrored(top + first + tap, bottom + first + tap, len(knots)) for tap in range(len(weights))]
        upsampled[phase::factor] = sum(weight * knots[taps] for weight, taps in zip(weights, rows, strict=True))
    return upsampled


def _phase_weights(offset: float, order: int) -> tuple[int, tuple[float, ...]]:
    """Return the first knot, counted from a pixel, and the B-spline weights at `offset` pixels from its centre."""
    start = math.floor(offset)
    right = offset - start
    left = 1.0 - right
    if order == 1:
        return start, (left, right)
    middle = ((3 * x**3 - 6 * x**2 + 4) / 6 for x in (right, left))
    return start - 1, (left**3 / 6, *middle, right**3 / 6)


def _mirrored(start: int, stop: int, length: int) -> np.ndarray:
    """Return indices start .. stop - 1, mirrored about the first and last of `length` pixels: .. 2 1 | 0 1 .. n-1 | n-2 .."""
    position = np.abs(np.arange(start, stop)) % max(1, 2 * length - 2)
    return np.minimum(position, 2 * length - 2 - position)
