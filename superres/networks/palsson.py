"""A residual fusion network with batch normalisation.

After Palsson et al., Sentinel-2 image fusion using a deep residual network, Remote Sensing 2018
(doi:10.3390/rs10081290), who train one network for each scene. It has blocks as in He et al. 2015 (arXiv:1512.03385)
and a global skip from the upsampled bands. The sizes are ours: 6 blocks of 64 features, 455,494 parameters for 20 m,
1,536 of them means and variances.
"""

from collections.abc import Sequence

import keras

from superres.networks.layers import convolution

BLOCKS, FEATURES = 6, 64
MOMENTUM = 0.9  # of means and variances; with Keras' 0.99 they stay near their initial values in a short training


def palsson(inputs: Sequence[keras.KerasTensor], bands: int, dtype: str) -> keras.KerasTensor:
    """Predict the difference between the sharp bands and the upsampled bands, and add it to the upsampled bands.

    Args:
        inputs: (B, H, W, C) each, float32, all upsampled to the finest grid. The last one holds the bands to sharpen.
        bands: number of bands of the last input.
        dtype: Keras dtype policy of the convolutions inside the blocks; all other layers are float32.

    Returns:
        (B, H, W, bands) float32.
    """
    trunk = keras.layers.Concatenate(name="bands")(list(inputs))
    trunk = convolution(FEATURES, activation="relu", name="first")(trunk)
    for block in range(1, BLOCKS + 1):
        trunk = normalized_block(trunk, dtype, f"block{block:02d}")
    difference = convolution(bands, name="last", kernel_initializer="zeros")(trunk)  # starts at the upsampled image
    return keras.layers.Add(name="sharpened")([difference, inputs[-1]])


def normalized_block(trunk: keras.KerasTensor, dtype: str, name: str) -> keras.KerasTensor:
    """Return trunk + norm(conv(relu(norm(conv(trunk))))): (B, H, W, F) float32 -> (B, H, W, F) float32."""
    features = trunk.shape[-1]
    branch = convolution(features, dtype, name=f"{name}_conv1")(trunk)
    branch = keras.layers.BatchNormalization(momentum=MOMENTUM, dtype="float32", name=f"{name}_norm1")(branch)
    branch = keras.layers.ReLU(name=f"{name}_relu")(branch)
    branch = convolution(features, dtype, name=f"{name}_conv2")(branch)
    branch = keras.layers.BatchNormalization(momentum=MOMENTUM, dtype="float32", name=f"{name}_norm2")(branch)
    return keras.layers.Add(dtype="float32", name=f"{name}_add")([trunk, branch])
