"""Validation of a classifier: sums over a batch, which add up over batches and ranks."""

import keras
import numpy as np
import tensorflow as tf

from common.metrics.multilabel import count_decisions, f1_from_counts


class ValidationSums:
    """Sums over a batch that give the loss and F1 of all batches of all ranks: see `PoolOverRanks`.

    Args:
        loss: of labels and logits. Training monitors its mean over the patches.
        threshold: a class counts as predicted from this probability on. `thresholds.csv` has a finished run's own.
    """

    def __init__(self, loss: keras.losses.Loss, threshold: float):
        self.loss = loss
        self.threshold = threshold
        self.evaluate = tf.function(self._evaluate, reduce_retracing=True)

    def _evaluate(self, model: keras.Model, images: dict, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the sum of the loss over the patches, and the probabilities (B, C)."""
        logits = tf.cast(model(images, training=False), tf.float32)
        return tf.reduce_sum(self.loss.call(labels, logits)), tf.sigmoid(logits)

    def __call__(self, model: keras.Model, batch: tuple) -> np.ndarray:
        """Return the sums over a batch.

        Args:
            model: images -> logits.
            batch: images by group, and labels (B, C) of 0 and 1.

        Returns:
            (2 + 3 C,): loss, number of patches; true positives, false positives and false negatives of each class.
        """
        images, labels = batch
        loss, probabilities = self.evaluate(model, images, labels)
        counts = count_decisions(labels.numpy(), probabilities.numpy() >= self.threshold)
        return np.concatenate([[float(loss), len(labels)], counts.ravel()])


def summarize_validation(sums: np.ndarray) -> dict[str, float]:
    """Return validation loss and F1 from the sums over all batches of all ranks."""
    scores = f1_from_counts(sums[2:].reshape(3, -1))
    return {"val_loss": float(sums[0] / sums[1])} | {f"val_{name}": value for name, value in scores.items()}
