"""The flips and quarter turns of an image."""

import numpy as np


def symmetries(image: np.ndarray) -> list[bytes]:
    """Return the eight flips and quarter turns of an image (H, H), each as bytes."""
    return [np.ascontiguousarray(np.rot90(flipped, k)).tobytes() for flipped in (image, image.T) for k in range(4)]
