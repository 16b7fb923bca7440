"""Model + images of patches -> probability of each class."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf


@tf.function(reduce_retracing=True)
def class_probabilities(model: keras.Model, images: dict[str, tf.Tensor]) -> tf.Tensor:
    """Return the probability of each class, (B, C) float32, from images as stored."""
    return tf.sigmoid(tf.cast(model(images, training=False), tf.float32))


def predict_images(model: keras.Model, images: Mapping[str, np.ndarray], batch_size: int) -> np.ndarray:
    """Return the probability of each class, batch by batch.

    Args:
        model: as `build_network` makes it.
        images: group -> (N, rows, cols, bands) as stored. Groups that the model does not take are ignored.
        batch_size: patches in a batch.

    Returns:
        Shape (N, C), float32.
    """
    inputs = {group: images[group] for group in model.input}
    count = len(next(iter(inputs.values())))
    return np.concatenate(
        [
            class_probabilities(
                model, {group: tf.constant(array[first : first + batch_size]) for group, array in inputs.items()}
            ).numpy()
            for first in range(0, count, batch_size)
        ]
    )
