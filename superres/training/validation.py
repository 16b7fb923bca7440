"""Validation of a fusion network: sums over a batch, which add up over batches and ranks."""

import keras
import numpy as np
import tensorflow as tf

from superres.networks.units import DN_DIVISOR


def error_sums(model: keras.Model, batch: tuple[dict[str, tf.Tensor], tf.Tensor]) -> np.ndarray:
    """Return the sums over a batch that give loss and RMSE of all batches: see `PoolOverRanks`.

    Args:
        model: inputs -> estimate, in network units.
        batch: inputs, and target (B, H, W, bands) in network units.

    Returns:
        (3,) float64: sum of absolute errors, sum of squared errors, number of values.
    """
    return _error_sums(model, *batch).numpy().astype(np.float64)


@tf.function(reduce_retracing=True)
def _error_sums(model: keras.Model, inputs: dict[str, tf.Tensor], target: tf.Tensor) -> tf.Tensor:
    error = tf.cast(model(inputs, training=False), tf.float32) - target
    return tf.stack([tf.reduce_sum(tf.abs(error)), tf.reduce_sum(error**2), tf.cast(tf.size(error), tf.float32)])


def summarize_errors(sums: np.ndarray) -> dict[str, float]:
    """Return validation loss (mean absolute error, network units) and RMSE (DN) from the sums over all batches and ranks."""
    absolute, squared, count = sums
    return {"val_loss": absolute / count, "val_rmse": DN_DIVISOR * float(np.sqrt(squared / count))}
