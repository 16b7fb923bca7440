"""Means of square blocks of pixels, written plainly."""

import numpy as np


def block_mean(image: np.ndarray, scale_factor: int) -> np.ndarray:
    """Average square blocks of pixels.

    Args:
        image: shape (rows, cols) or (rows, cols, bands); rows and cols are multiples of scale_factor.
        scale_factor: s, rows and columns of a block.

    Returns:
        Shape (rows / s, cols / s) or (rows / s, cols / s, bands), float64.
    """
    rows, cols, *bands = image.shape
    blocks = image.reshape(rows // scale_factor, scale_factor, cols // scale_factor, scale_factor, *bands)
    return blocks.mean(axis=(1, 3), dtype=np.float64)
