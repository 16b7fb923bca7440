"""Validation of a classifier: sums over batches, pooled over ranks."""

import keras
import numpy as np
import tensorflow as tf

from common.metrics.multilabel import count_decisions, f1_from_counts


class ValidationSums:
    """Sums over a batch from which loss and F1 of all batches of all ranks follow: see `PoolOverRanks`.

    Args:
        loss: of labels and logits, whose mean is monitored.
        threshold: probability from which on a class counts as predicted here; those of a finished run are chosen later.
    """

    def __init__(self, loss: keras.losses.Loss, threshold: float):
        self.loss = loss
        self.threshold = threshold
        self.evaluate = tf.function(self._evaluate, reduce_retracing=True)

    def _evaluate(self, model: keras.Model, images: dict, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = tf.cast(model(images, training=False), tf.float32)
        return tf.reduce_sum(self.loss.call(labels, logits)), tf.sigmoid(logits)

    def __call__(self, model: keras.Model, batch: tuple) -> np.ndarray:
        """Loss, number of patches; true positives, false positives and false negatives of each class."""
        images, labels = batch
        loss, found = self.evaluate(model, images, labels)
        counts = count_decisions(labels.numpy(), found.numpy() >= self.threshold)
        return np.concatenate([[float(loss), len(labels)], counts.ravel()])


def summarize_validation(sums: np.ndarray) -> dict[str, float]:
    """Validation loss and F1 from sums over all ranks."""
    scores = f1_from_counts(sums[2:].reshape(3, -1))
    return {"val_loss": float(sums[0] / sums[1])} | {f"val_{name}": value for name, value in scores.items()}
