"""Square blocks of pixels that tile an image, and the moments of the bands in each. NumPy only.

Images are (rows, cols, bands), masks (rows, cols) bool, True where a pixel is valid. Blocks are counted from the upper-left
corner and do not overlap; rows and columns that fill no block are left out. A block counts if all its pixels are valid.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from common.metrics.image_pairs import STRIP_PIXELS


class BlockMoments(NamedTuple):
    """Moments of the bands in each block, float64.

    Attributes:
        means: (blocks, bands).
        covariances: (blocks, bands, bands), divided by the number of pixels minus 1.
    """

    means: np.ndarray
    covariances: np.ndarray


def whole_blocks(valid: np.ndarray, side: int) -> np.ndarray:
    """Return which blocks count: (rows, cols) bool to (rows // side, cols // side) bool."""
    rows, cols = (length // side for length in valid.shape)
    return valid[: rows * side, : cols * side].reshape(rows, side, cols, side).all(axis=(1, 3))


def cut_blocks(images: Sequence[np.ndarray], side: int, counted: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the blocks that count, (blocks, side, side, bands of all images) float64, some rows of blocks at a time.

    Args:
        images: each (rows, cols, bands), on one grid.
        side: rows and columns of a block.
        counted: (rows // side, cols // side) bool, from `whole_blocks`.
    """
    height = max(1, STRIP_PIXELS // max(1, counted.shape[1] * side) // side)
    for top in range(0, len(counted), height):
        part = counted[top : top + height]
        rows = slice(top * side, (top + len(part)) * side)
        yield np.concatenate([_tiles(image[rows], side, part) for image in images], axis=-1, dtype=np.float64)


def _tiles(strip: np.ndarray, side: int, counted: np.ndarray) -> np.ndarray:
    rows, cols = counted.shape
    return strip[:, : cols * side].reshape(rows, side, cols, side, strip.shape[-1]).swapaxes(1, 2)[counted]


def block_moments(blocks: np.ndarray) -> BlockMoments:
    """Return the moments of each of some blocks, (blocks, side, side, bands)."""
    pixels = blocks.reshape(len(blocks), blocks.shape[1] * blocks.shape[2], blocks.shape[-1])
    means = pixels.mean(axis=1)
    centred = pixels - means[:, None]
    return BlockMoments(means, centred.swapaxes(1, 2) @ centred / (pixels.shape[1] - 1))
