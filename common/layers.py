"""Keras layers that both applications need: upsampling of the coarse bands.

All tensors are (batch, rows, cols, bands).
"""

import keras
import tensorflow as tf

MIRRORED_PX = {"bilinear": 1, "bicubic": 2}  # what an interpolation needs beyond the border


@keras.saving.register_keras_serializable("jeoparda")
class Upsample(keras.layers.Layer):
    """Upsampling with half-pixel centres: (B, H, W, C) -> (B, H * factor, W * factor, C), float32.

    Bilinear equals scikit-image's `resize(order=1, mode="reflect", anti_aliasing=False)`, at the border too: the image
    is mirrored there before TensorFlow resizes it. In float32 at any precision, since what it gives may be added to a
    network's output.

    Args:
        factor: 2 (20 m -> 10 m) or 6 (60 m -> 10 m).
        method: `bilinear`, or `bicubic` (Keys 1981, a = -0.5).
    """

    def __init__(self, factor: int, method: str = "bilinear", **kwargs):
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self.factor = factor
        self.method = method

    def call(self, image: tf.Tensor) -> tf.Tensor:
        border = MIRRORED_PX[self.method]
        padded = tf.pad(image, [[0, 0], [border, border], [border, border], [0, 0]], mode="REFLECT")
        size = tf.shape(padded)[1:3] * self.factor
        large = tf.image.resize(padded, size, method=self.method)
        cut = border * self.factor
        return large[:, cut:-cut, cut:-cut, :]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, rows, cols, bands = input_shape
        return batch, rows and rows * self.factor, cols and cols * self.factor, bands

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor, "method": self.method}
