"""A network that computes on the 20 m grid and is several times faster than DSen2. It is meant to learn from DSen2 (`--teacher`).

Each block of 2 x 2 pixels of the 10 m bands becomes bands of one pixel, residual blocks as in DSen2 compute on a quarter
of the pixels, and the result is unfolded to 10 m (space-to-depth and pixel shuffle, Shi et al. 2016, arXiv:1609.05158).
The grid is that of the 20 m bands for 60 m as well, and the 60 m bands are upsampled to it: on the 60 m grid each pixel
would have about 200 bands. No paper describes this network. It has 1,824,152 parameters for 20 m, 1,808,008 for 60 m.
"""

from collections.abc import Sequence

import keras

from common.networks.upsample import Upsample
from superres.networks.catalogue import NO_UPSAMPLING
from superres.networks.dsen2 import RESIDUAL_SCALING
from superres.networks.layers import GRID, Fold, Unfold, convolution, last_convolution, residual_block


def lowres(
    inputs: Sequence[keras.KerasTensor], bands: int, dtype: str, upsample: str, blocks: int = 6, features: int = 128
) -> keras.KerasTensor:
    """Add the layers of `lowres`, which sharpens the bands of the last input.

    Args:
        inputs: (B, H, W, 4), (B, H/2, W/2, 6) and, for 60 m, (B, H/6, W/6, 2), float32, finest first.
        bands: number of bands to sharpen.
        dtype: Keras dtype policy of the convolutions inside the blocks; all other layers are float32.
        upsample: how the bands to sharpen are upsampled; the network predicts the difference to them. With `none` the
            network predicts the bands themselves, and 60 m pixels are repeated on the 20 m grid.
        blocks: number of residual blocks.
        features: features of each convolution.

    Returns:
        (B, H, W, bands) float32.
    """
    fine, *coarse = inputs
    interpolation = "nearest" if upsample == NO_UPSAMPLING else upsample
    on_grid = [Fold(GRID, name="fold")(fine), coarse[0]]
    on_grid += [Upsample(3, interpolation, name="upsample_to_20m")(image) for image in coarse[1:]]
    trunk = keras.layers.Concatenate(name="bands")(on_grid)
    trunk = convolution(features, activation="relu", name="first")(trunk)
    for block in range(1, blocks + 1):
        trunk = residual_block(trunk, RESIDUAL_SCALING, dtype, name=f"block{block:02d}")
    unfolded = Unfold(GRID, name="unfold")(last_convolution(bands * GRID**2, upsample, name="last")(trunk))
    if upsample == NO_UPSAMPLING:
        return unfolded
    factor = GRID if len(coarse) == 1 else 3 * GRID
    upsampled = Upsample(factor, upsample, name=f"upsample_by_{factor}")(coarse[-1])
    return keras.layers.Add(name="sharpened")([unfolded, upsampled])
