"""Everything on the 20 m grid: a network that is several times faster than DSen2. Made to learn from it (`--teacher`).

The 10 m bands are folded in, blocks of 2 x 2 pixels becoming bands, residual blocks as in DSen2 compute on a quarter of
the pixels, and their result is unfolded again (space-to-depth and pixel shuffle, Shi et al. 2016, arXiv:1609.05158). For
60 m, too, the grid is that of the 20 m bands, to which the 60 m bands are upsampled: on their own a pixel would have to
hold 200 bands. It has no paper. 1,824,152 parameters for 20 m, 1,808,008 for 60 m.
"""

from collections.abc import Sequence

import keras

from common.networks.upsample import Upsample
from superres.networks.dsen2 import RESIDUAL_SCALING
from superres.networks.layers import Fold, Unfold, convolution, residual_block

GRID = 2  # 10 m pixels on a side of the grid's: that of the 20 m bands


def lowres(
    inputs: Sequence[keras.KerasTensor], bands: int, dtype: str, upsample: str, blocks: int = 6, features: int = 128
) -> keras.KerasTensor:
    """Fold, compute, unfold.

    Args:
        inputs: (B, H, W, 4), (B, H/2, W/2, 6) and, for 60 m, (B, H/6, W/6, 2), float32, finest first; the last one
            holds the bands that are sharpened.
        bands: number of bands of the last input.
        dtype: Keras dtype policy of the convolutions inside the blocks; the rest is float32.
        upsample: how the last input is upsampled, which the difference that the network predicts is added to; with
            `none` the network predicts the bands themselves, and pixels of 60 m are repeated where they meet those of
            20 m.
        blocks, features: size of the network.

    Returns:
        (B, H, W, bands) float32.
    """
    fine, *coarse = inputs
    interpolation = "nearest" if upsample == "none" else upsample
    on_grid = [Fold(GRID, name="fold")(fine), coarse[0]]
    on_grid += [Upsample(3, interpolation, name="upsample_to_20m")(image) for image in coarse[1:]]
    trunk = keras.layers.Concatenate(name="bands")(on_grid)
    trunk = convolution(features, activation="relu", name="first")(trunk)
    for number in range(1, blocks + 1):
        trunk = residual_block(trunk, RESIDUAL_SCALING, dtype, name=f"block{number:02d}")
    last = convolution(bands * GRID**2, name="last", kernel_initializer="he_uniform" if upsample == "none" else "zeros")
    unfolded = Unfold(GRID, name="unfold")(last(trunk))
    if upsample == "none":
        return unfolded
    upsampled = Upsample(GRID if len(coarse) == 1 else 3 * GRID, upsample, name="upsample")(coarse[-1])
    return keras.layers.Add(name="sharpened")([unfolded, upsampled])
