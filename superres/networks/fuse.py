"""A network of four convolutions.

After FUSE: Gargiulo et al., Fast super-resolution of 20 m Sentinel-2 bands using convolutional neural networks, Remote
Sensing 2019 (doi:10.3390/rs11222635). Unlike the paper, the input is not high-pass filtered, and the losses are ours.
48, 32 and 32 features and a global skip from the upsampled bands: 29,206 parameters for 20 m, 28,914 for 60 m.
"""

from collections.abc import Sequence

import keras

from superres.networks.layers import convolution

FEATURES = (48, 32, 32)


def fuse(inputs: Sequence[keras.KerasTensor], bands: int, dtype: str) -> keras.KerasTensor:
    """Predict the difference between the sharp bands and the upsampled bands, and add it to the upsampled bands.

    Args:
        inputs: (B, H, W, C) each, float32, all upsampled to the finest grid. The last one holds the bands to sharpen.
        bands: number of bands of the last input.
        dtype: Keras dtype policy of all convolutions except the first and the last, which are float32.

    Returns:
        (B, H, W, bands) float32.
    """
    image = keras.layers.Concatenate(name="bands")(list(inputs))
    for number, features in enumerate(FEATURES, 1):
        layer_dtype = "float32" if number == 1 else dtype
        image = convolution(features, layer_dtype, activation="relu", name=f"conv{number}")(image)
    difference = convolution(bands, name="last", kernel_initializer="zeros")(image)  # starts at the upsampled image
    return keras.layers.Add(name="sharpened")([difference, inputs[-1]])
