"""Networks that compute on the 20 m grid and are several times faster than DSen2. They are meant to learn from DSen2 (`--teacher`).

Each block of 2 x 2 pixels of the 10 m bands becomes bands of one pixel, residual blocks as in DSen2 compute on a quarter
of the pixels, and the result is unfolded to 10 m (space-to-depth and pixel shuffle, Shi et al. 2016, arXiv:1609.05158).
The grid is that of the 20 m bands for 60 m as well, and the 60 m bands are upsampled to it: on the 60 m grid each pixel
would have about 200 bands. No paper describes these networks. `lowres` has 1,824,152 parameters for 20 m, 1,808,008 for 60 m.
`joint` sharpens the bands of 20 m and 60 m in one pass: 1,044,992 parameters.
"""

from collections.abc import Sequence

import keras

from common.networks.upsample import Upsample
from superres.networks.catalogue import JOINT_BLOCKS, JOINT_FEATURES
from superres.networks.dsen2 import RESIDUAL_SCALING
from superres.networks.layers import Fold, Unfold, convolution, residual_block

GRID = 2  # 10 m pixels on a side of a 20 m pixel


def lowres(
    inputs: Sequence[keras.KerasTensor], bands: int, dtype: str, upsample: str, blocks: int = 6, features: int = 128
) -> keras.KerasTensor:
    """Add the layers of `lowres`, which sharpens the bands of the last input; see `on_20m_grid`."""
    return on_20m_grid(inputs, inputs[-1:], bands, dtype, upsample, blocks, features)


def joint(inputs: Sequence[keras.KerasTensor], bands: int, dtype: str, upsample: str) -> keras.KerasTensor:
    """Add the layers of `joint`, which sharpens the bands of the two coarse inputs; see `on_20m_grid`."""
    return on_20m_grid(inputs, inputs[1:], bands, dtype, upsample, JOINT_BLOCKS, JOINT_FEATURES)


def on_20m_grid(
    inputs: Sequence[keras.KerasTensor],
    sharpened: Sequence[keras.KerasTensor],
    bands: int,
    dtype: str,
    upsample: str,
    blocks: int,
    features: int,
) -> keras.KerasTensor:
    """Fold the inputs, compute residual blocks, unfold, and add the upsampled bands.

    Args:
        inputs: (B, H, W, 4), (B, H/2, W/2, 6) and, for 60 m, (B, H/6, W/6, 2), float32, finest first.
        sharpened: the inputs with the bands to sharpen: the last one, or the last two.
        bands: number of their bands.
        dtype: Keras dtype policy of the convolutions inside the blocks; all other layers are float32.
        upsample: how the bands to sharpen are upsampled; the network predicts the difference to them. With `none` the
            network predicts the bands themselves, and 60 m pixels are repeated on the 20 m grid.
        blocks: number of residual blocks.
        features: features of each convolution.

    Returns:
        (B, H, W, bands) float32.
    """
    fine, *coarse = inputs
    interpolation = "nearest" if upsample == "none" else upsample
    on_grid = [Fold(GRID, name="fold")(fine), coarse[0]]
    on_grid += [Upsample(3, interpolation, name="upsample_to_20m")(image) for image in coarse[1:]]
    trunk = keras.layers.Concatenate(name="bands")(on_grid)
    trunk = convolution(features, activation="relu", name="first")(trunk)
    for block in range(1, blocks + 1):
        trunk = residual_block(trunk, RESIDUAL_SCALING, dtype, name=f"block{block:02d}")
    last = convolution(bands * GRID**2, name="last", kernel_initializer="he_uniform" if upsample == "none" else "zeros")
    unfolded = Unfold(GRID, name="unfold")(last(trunk))
    if upsample == "none":
        return unfolded
    upsampled = []
    for image in sharpened:
        factor = GRID if image is coarse[0] else 3 * GRID
        upsampled.append(Upsample(factor, upsample, name=f"upsample_by_{factor}")(image))
    if len(upsampled) > 1:
        upsampled = [keras.layers.Concatenate(name="upsampled")(upsampled)]
    return keras.layers.Add(name="sharpened")([unfolded, *upsampled])
