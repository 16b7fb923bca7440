"""Batch normalisation in one operation of TensorFlow, forwards and backwards.

Keras takes about ten operations, each with its own pass through memory, and in bfloat16 casts all images to float32 in between.
"""

import math
from typing import Any

import keras


@keras.saving.register_keras_serializable("jeoparda")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation: the same variables and settings, and the same results but for rounding.

    Statistics and variables are float32 at any precision; only images are read and written in bfloat16 or float16. Keras itself
    does what the operation cannot: other backends, inputs that are not (B, H, W, C), masks, and layers without scale or offset.
    """  # The name is that of Keras, by which files of weights name the layer.

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if keras.backend.backend() != "tensorflow" or not self._can_be_fused(inputs, mask):
            return super().call(inputs, training, mask)
        import tensorflow as tf

        from_batch = bool(training and self.trainable)
        nothing = tf.zeros([0])
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, self.compute_dtype),
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=nothing if from_batch else tf.convert_to_tensor(self.moving_mean),
            variance=nothing if from_batch else tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=from_batch,
        )
        if from_batch:
            # TensorFlow returns the variance with the divisor n - 1, and Keras keeps that with n.
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance * divisor_ratio(inputs))
        return normalised

    def _can_be_fused(self, inputs: Any, mask: Any) -> bool:
        is_image = len(inputs.shape) == 4 and self.axis in (-1, 3)
        is_plain = self.scale and self.center and not getattr(self, "renorm", False)
        return is_image and is_plain and mask is None and self.variable_dtype == "float32"

    def _follow(self, moving: keras.Variable, value: Any) -> None:
        """Move a moving statistic towards that of a batch."""
        moving.assign(moving * self.momentum + value * (1 - self.momentum))


def divisor_ratio(images: Any) -> Any:
    """Return (n - 1) / n for the n pixels of all images (B, H, W, C), a scalar; 1 for one pixel.

    Where TensorFlow knows the shape it is a number, instead of eight operations in the graph of each layer.
    """
    if None not in images.shape:
        pixels = math.prod(images.shape[:-1])
        return max(pixels - 1, 1) / pixels
    import tensorflow as tf

    pixels = tf.cast(tf.size(images) // tf.shape(images)[-1], tf.float32)
    return tf.maximum(pixels - 1, 1) / pixels
