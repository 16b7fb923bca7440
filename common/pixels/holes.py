"""Fill pixels without data before a network sees them, so that they do not spoil their neighbours. NumPy and SciPy, no I/O."""

import numpy as np
from scipy.ndimage import distance_transform_edt


def fill_holes(image: np.ndarray, valid: np.ndarray, reach: int) -> np.ndarray:
    """Give each invalid pixel the value of the nearest valid one, band by band.

    What a pixel gets depends on pixels up to `reach` away, so a window read with such a margin is filled as the
    whole scene would be. Invalid pixels that are farther from valid ones become 0.

    Args:
        image: shape (rows, cols, bands), any number type.
        valid: the same shape, bool.
        reach: pixels, from centre to centre.

    Returns:
        A copy where anything is filled, otherwise image itself.
    """
    if valid.all():
        return image
    filled = image.copy()
    for band in range(image.shape[2]):
        here = valid[..., band]
        if here.all():
            continue
        if not here.any():
            filled[..., band] = 0
            continue
        distance, (row, col) = distance_transform_edt(~here, return_indices=True)
        filled[..., band] = np.where(distance <= reach, image[row, col, band], 0)
    return filled
