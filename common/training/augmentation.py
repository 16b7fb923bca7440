"""Turn patches: the eight flips and quarter turns of a square. NumPy only."""

import numpy as np


def turn_all(patches: dict[str, np.ndarray], turn: int) -> dict[str, np.ndarray]:
    """Turn all images of a batch in the same way; other arrays stay as they are.

    Args:
        patches: name -> array; images are (B, H, H, bands).
        turn: 0 to 7, see `turn_image`.
    """
    return {name: turn_image(array, turn) if array.ndim == 4 else array for name, array in patches.items()}


def turn_image(images: np.ndarray, turn: int) -> np.ndarray:
    """Apply one of the eight symmetries of a square to images, (B, H, H, bands); shape and dtype stay.

    Args:
        images: any dtype, contiguous.
        turn: 0 to 7. Bit 0 swaps rows and columns, bit 1 flips rows, bit 2 flips columns.
    """
    # A pixel with all its bands moves as one item, which is several times faster than band by band.
    pixels = images.view(np.dtype((np.void, images.dtype.itemsize * images.shape[-1])))[..., 0]
    if turn % 2:
        pixels = pixels.swapaxes(1, 2)
    if turn // 2 % 2:
        pixels = pixels[:, ::-1]
    if turn // 4:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(pixels).view(images.dtype).reshape(images.shape)
