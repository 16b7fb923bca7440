"""Overviews of an image as means of valid pixels, from rows that come once. NumPy only, no I/O.

An overview has half the rows and columns, rounded up. Its pixel covers rows / smaller rows of the image, which is 2, or a
little less if the number of rows is odd; the same goes for columns. Pixels that it covers in part have less weight. These
are the means of GDAL's resampling AVERAGE. Nodata is DN 0: it does not count, and stays where there is nothing else.
"""

import math

import numpy as np

from common.pixels.sentinel2 import NODATA_DN

STRIP_ROWS = 4  # rows averaged at a time: all bands of so many rows of a tile stay in the processor's cache
_TAPS = 3  # rows that a row of an overview touches at most


def overview_shapes(rows: int, cols: int, smallest: int) -> list[tuple[int, int]]:
    """Return rows and columns of all overviews: each halves the one before, until one is at most `smallest` wide and high."""
    shapes = []
    while max(rows, cols) > smallest:
        rows, cols = -(-rows // 2), -(-cols // 2)
        shapes.append((rows, cols))
    return shapes


class Halving:
    """Halves an image whose rows come from top to bottom.

    Args:
        shape: rows and columns of the whole image.
        smaller: rows and columns of its overview.
    """

    def __init__(self, shape: tuple[int, int], smaller: tuple[int, int]):
        self.shape, self.smaller = shape, smaller
        self.is_exact = shape == (2 * smaller[0], 2 * smaller[1])
        self._col_taps, self._col_weights = _taps(shape[1], smaller[1])
        self._waiting: np.ndarray | None = None  # rows that the next row of the overview needs
        self._top = 0  # index of the first of them
        self._next = 0  # index of the next row of the overview

    def add(self, image: np.ndarray) -> np.ndarray:
        """Return the rows of the overview that the next rows of the image complete.

        Args:
            image: (rows, cols, bands) uint16 DN; not changed.

        Returns:
            (rows, cols, bands) uint16 DN; often half as many rows, perhaps none.
        """
        (rows, _), (smaller_rows, smaller_cols) = self.shape, self.smaller
        if self._waiting is not None:
            image = np.concatenate([self._waiting, image])
        end = (self._top + len(image)) * smaller_rows // rows
        result = np.empty((end - self._next, smaller_cols, image.shape[2]), np.uint16)
        for top in range(self._next, end, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, end)
            first, last = top * rows // smaller_rows, math.ceil(bottom * rows / smaller_rows)
            strip = image[first - self._top : last - self._top]
            part = _halved(strip) if self.is_exact else self._weighted(strip, first, top, bottom)
            result[top - self._next : bottom - self._next] = part
        kept = end * rows // smaller_rows
        self._waiting = image[kept - self._top :].copy() if kept < self._top + len(image) else None
        self._top, self._next = kept, end
        return result

    def _weighted(self, strip: np.ndarray, first: int, top: int, bottom: int) -> np.ndarray:
        """Return rows top .. bottom - 1 of the overview, from the rows of the image from `first` on."""
        taps, weights = (part[top:bottom] for part in _taps(self.shape[0], self.smaller[0]))
        is_whole = strip.min() != NODATA_DN
        valid = np.ones((*strip.shape[:2], 1)) if is_whole else (strip != NODATA_DN).astype(np.float64)
        sums, weight = (self._weighted_sums(part, taps - first, weights) for part in (strip, valid))  # nodata adds 0
        means = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0)
        return np.floor(means + 0.5).astype(np.uint16)

    def _weighted_sums(self, image: np.ndarray, row_taps: np.ndarray, row_weights: np.ndarray) -> np.ndarray:
        tall = sum(image[row_taps[:, tap]] * row_weights[:, tap, None, None] for tap in range(_TAPS))
        return sum(tall[:, self._col_taps[:, tap]] * self._col_weights[:, tap, None] for tap in range(_TAPS))


def _taps(size: int, smaller: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each pixel of an overview, on one axis, the pixels that it touches, and their weights: (smaller, 3) each.

    A weight is the covered length, in units of 1 / smaller of a pixel.
    """
    start = np.arange(smaller)[:, None] * size
    taps = start // smaller + np.arange(_TAPS)
    covered = np.minimum((taps + 1) * smaller, start + size) - np.maximum(taps * smaller, start)
    last = (start + size - 1) // smaller
    return np.minimum(taps, last), np.maximum(covered, 0).astype(np.float64)  # weight 0 if two taps are enough


def _halved(image: np.ndarray) -> np.ndarray:
    """Return the means of valid pixels in blocks of 2 x 2 pixels."""
    sums = _block_sums(image.astype(np.uint32))
    if image.min() != NODATA_DN:
        return ((sums + 2) // 4).astype(np.uint16)
    count = _block_sums((image != NODATA_DN).astype(np.uint32))
    return ((sums + count // 2) // np.maximum(count, 1)).astype(np.uint16)


def _block_sums(image: np.ndarray) -> np.ndarray:
    tall = image[0::2] + image[1::2]
    return tall[:, 0::2] + tall[:, 1::2]
