"""Validation of a classifier: sums over a batch, which add up over batches and ranks, and the epoch whose weights are kept."""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from bigearthnet.training.config import LOSS
from common.metrics.multilabel import (
    SCORES,
    average_precision_from_counts,
    count_decisions,
    count_scores,
    f1_from_counts,
)
from common.training.saving import ShouldSave, is_best, is_highest


class ValidationSums:
    """Sums over a batch that give loss, F1 and average precision of all batches of all ranks: see `PoolOverRanks`.

    Args:
        loss: of labels and logits. Training monitors its mean over the patches.
        threshold: a class counts as predicted from this probability on. `thresholds.csv` has a finished run's own.
    """

    def __init__(self, loss: keras.losses.Loss, threshold: float):
        self.loss = loss
        self.threshold = threshold
        self.evaluate = tf.function(self._evaluate, reduce_retracing=True)

    def _evaluate(self, model: keras.Model, images: dict, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the sum of the loss over the patches, and the logits (B, C)."""
        logits = tf.cast(model(images, training=False), tf.float32)
        return tf.reduce_sum(self.loss.call(labels, logits)), logits

    def __call__(self, model: keras.Model, batch: tuple) -> np.ndarray:
        """Return the sums over a batch.

        Args:
            model: images -> logits.
            batch: images by group, and labels (B, C) of 0 and 1.

        Returns:
            (2 + 3 C + 2 C SCORES,): loss, number of patches; true positives, false positives and false negatives of each
            class; and `count_scores`.
        """
        images, labels = batch
        loss, logits = self.evaluate(model, images, labels)
        decided = tf.sigmoid(logits).numpy() >= self.threshold
        counts = count_decisions(labels.numpy(), decided)
        scores = count_scores(labels.numpy(), logits.numpy())
        return np.concatenate([[float(loss), len(labels)], counts.ravel(), scores.ravel()])


def summarize_validation(sums: np.ndarray) -> dict[str, float]:
    """Return validation loss, F1 and macro average precision from the sums over all batches of all ranks.

    Classes without a validation patch are left out of the average precision; 0 if no patch holds a class.
    """
    classes = (len(sums) - 2) // (3 + 2 * SCORES)
    decisions, ranked = np.split(sums[2:], [3 * classes])
    precisions = average_precision_from_counts(ranked.reshape(2, classes, SCORES))
    held = precisions[np.isfinite(precisions)]
    scores = f1_from_counts(decisions.reshape(3, classes)) | {"ap_macro": float(held.mean()) if len(held) else 0.0}
    return {"val_loss": float(sums[0] / sums[1])} | {f"val_{name}": value for name, value in scores.items()}


def rule_of_best(best_by: str) -> ShouldSave:
    """Return the rule that decides after which epochs the weights are kept.

    Args:
        best_by: one of `bigearthnet.training.config.BEST_BY`.
    """
    return is_best if best_by == LOSS else partial(is_highest, score=f"val_{best_by}")
