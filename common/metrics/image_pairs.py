"""Pairs of images to compare: checks, strips of rows, and valid pixels. NumPy only.

Images are (rows, cols, bands), uint16 or float. A mask is (rows, cols) bool, True where a pixel is valid. Arithmetic is
float64, strip by strip, so that a whole tile fits into memory.
"""

from collections.abc import Iterator

import numpy as np

from common.pixels.windows import strip_height

STRIP_PIXELS = 2**19  # pixels of a strip: 4 MB a band in float64


def valid_spectra(
    truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the valid pixels of both images, strip by strip: two arrays (pixels, bands), float64.

    Raises:
        ValueError: shapes differ, no pixel is valid, or a valid pixel is not finite.
    """
    check_shapes(truth, estimate, mask)
    if 0 in truth.shape or (mask is not None and not mask.any()):
        raise ValueError(f"no valid pixel to compare in an image of {describe_size(truth)}; leave the image out.")
    for rows in row_strips(*truth.shape[:2]):
        valid = ... if mask is None else mask[rows]
        pair = tuple(image[rows][valid].reshape(-1, truth.shape[-1]).astype(np.float64) for image in (truth, estimate))
        for pixels in pair:
            require_finite(pixels.sum(axis=0))
        yield pair


def row_strips(
    rows: int, cols: int, overlap: int = 0, step: int = 1, strip_pixels: int | None = None
) -> Iterator[slice]:
    """Yield slices of rows, from top to bottom.

    Args:
        rows, cols: of the image.
        overlap: each strip begins so many rows before the end of the previous one.
        step: each strip but the last has a multiple of so many rows, and `overlap` more.
        strip_pixels: most pixels of a strip without its overlap, but at least one step; None takes STRIP_PIXELS.
    """
    height = strip_height(cols, strip_pixels or STRIP_PIXELS, step)
    for top in range(0, rows - overlap, height):
        yield slice(top, min(top + height + overlap, rows))


def check_shapes(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None) -> None:
    """Raise ValueError unless both images have one shape (rows, cols, bands) and the mask fits."""
    if truth.ndim != 3 or estimate.shape != truth.shape:
        raise ValueError(
            f"truth and estimate must have one shape (rows, cols, bands); got {truth.shape} and {estimate.shape}."
        )
    if mask is not None and (mask.shape != truth.shape[:2] or mask.dtype != bool):
        raise ValueError(f"mask must be bool of shape {truth.shape[:2]}; got {mask.dtype} of shape {mask.shape}.")


def require_finite(sums: np.ndarray) -> None:
    """Raise ValueError if a sum of pixels is NaN or infinite."""
    if not np.isfinite(sums).all():
        raise ValueError("truth or estimate holds NaN or infinity; mask those pixels, or check the network's output.")


def describe_size(image: np.ndarray) -> str:
    """Return `ROWS x COLS px`."""
    return f"{image.shape[0]} x {image.shape[1]} px"


def quotient(numerator: np.ndarray | float, denominator: np.ndarray, where_zero: float) -> np.ndarray:
    """Return numerator / denominator, and `where_zero` where the denominator is 0."""
    filled = np.full(np.shape(denominator), where_zero)
    return np.divide(numerator, denominator, out=filled, where=np.not_equal(denominator, 0))
