"""Keras layers of the fusion networks: residual blocks, precision; upsampling is in `common/layers.py`.

All tensors are (batch, rows, cols, bands), in network units (reflectance * 10000 / dn_divisor).
"""

import keras

from common.layers import Upsample

__all__ = ["Upsample", "convolution", "residual_block"]


def convolution(features: int, dtype: str = "float32", **kwargs) -> keras.layers.Conv2D:
    """A 3 x 3 convolution that keeps the size of the image, He-uniform initialised as in the DSen2 paper's code."""
    kwargs = {"kernel_initializer": "he_uniform", **kwargs}
    return keras.layers.Conv2D(features, 3, padding="same", dtype=dtype, **kwargs)


def residual_block(trunk: keras.KerasTensor, scaling: float, dtype: str, name: str) -> keras.KerasTensor:
    """trunk + scaling * conv(relu(conv(trunk))): (B, H, W, F) float32 -> the same.

    The two convolutions compute in `dtype`; the trunk they add to stays float32, because rounding it to bfloat16 in
    every block costs accuracy (RMSE 35.6 -> 37.2 DN on T33UUB with the published weights).
    """
    features = trunk.shape[-1]
    branch = convolution(features, dtype, activation="relu", name=f"{name}_conv1")(trunk)
    branch = convolution(features, dtype, name=f"{name}_conv2")(branch)
    branch = keras.layers.Rescaling(scaling, dtype="float32", name=f"{name}_scaling")(branch)
    return keras.layers.Add(dtype="float32", name=f"{name}_add")([trunk, branch])
