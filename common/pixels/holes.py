"""Fill pixels without data before a network reads them, so that they do not change valid pixels near them. No I/O."""

import numpy as np
from scipy.ndimage import distance_transform_edt


def fill_holes(image: np.ndarray, valid: np.ndarray, reach: int) -> np.ndarray:
    """Give each invalid pixel the value of the nearest valid pixel, band by band.

    An invalid pixel becomes 0 if no valid pixel lies within `reach`. So a window with a margin of `reach` pixels is
    filled exactly like the whole scene.

    Args:
        image: shape (rows, cols, bands), any number type.
        valid: shape of image, bool.
        reach: pixels, from centre to centre.

    Returns:
        A filled copy, or image itself if all pixels are valid. Shape and dtype of image.
    """
    if valid.all():
        return image
    filled = image.copy()
    for band in range(image.shape[2]):
        valid_band = valid[..., band]
        if valid_band.all():
            continue
        if not valid_band.any():
            filled[..., band] = 0
            continue
        distance, (row, col) = distance_transform_edt(~valid_band, return_indices=True)
        filled[..., band] = np.where(distance <= reach, image[row, col, band], 0)
    return filled
