"""Square blocks of pixels that tile an image, and the moments of the bands in each. NumPy only.

Images are (rows, cols, bands), masks (rows, cols) bool, True where a pixel is valid. Blocks are counted from the upper-left
corner and do not overlap; rows and columns that fill no block are left out. A block counts if all its pixels are valid.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from common.metrics.image_pairs import STRIP_PIXELS, require_finite
from common.pixels.windows import strip_height


class BlockMoments(NamedTuple):
    """Moments of the bands in each block, float64.

    Attributes:
        means: (blocks, bands).
        covariances: (blocks, bands, bands), divided by the number of pixels minus 1.
    """

    means: np.ndarray
    covariances: np.ndarray


class BlockMean:
    """The mean of an index over blocks that come in parts.

    Args:
        index: moments of some blocks -> the index of each, (blocks, ...).
        side: rows and columns of a block.
    """

    def __init__(self, index: Callable[[BlockMoments], np.ndarray], side: int):
        self.index, self.side = index, side
        self.total, self.count = np.zeros(()), 0

    def add(self, images: Sequence[np.ndarray], counted: np.ndarray) -> None:
        """Add blocks.

        Args:
            images: each (rows, cols, bands), on one grid; their bands follow each other in the moments.
            counted: which blocks count, see `whole_blocks`.

        Raises:
            ValueError: a value in such a block is not finite.
        """
        for blocks in cut_blocks(images, self.side, counted):
            values = self.index(block_moments(blocks))
            require_finite(values)
            self.total, self.count = self.total + values.sum(axis=0), self.count + len(values)

    def mean(self) -> np.ndarray | None:
        """Return the mean, the shape of the index of one block; None if no block was added."""
        return self.total / self.count if self.count else None


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
    height = strip_height(counted.shape[1] * side, STRIP_PIXELS, side) // side
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
