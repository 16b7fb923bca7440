"""Network + patches -> probabilities, each rank its share."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from bigearthnet.data import ClassificationPatches
from common.classification import (
    ClassMetric,
    Predictions,
    classification_metrics,
    count_decisions,
    f1_from_counts,
    pool_predictions,
)
from common.dataset import validation_batches


@tf.function(reduce_retracing=True)
def probabilities(model: keras.Model, images: dict[str, tf.Tensor]) -> tf.Tensor:
    """Probability of each class, (B, C) float32, from images as stored."""
    return tf.sigmoid(tf.cast(model(images, training=False), tf.float32))


def predict(model: keras.Model, source: ClassificationPatches, batch_size: int, progress: bool = False) -> Predictions:
    """The probabilities of all patches, computed by all ranks; on all ranks."""
    mine = np.arange(hvd.rank(), len(source), hvd.size())
    classes = source.file.labels.shape[1]
    found = [np.empty((0, classes), np.float32)]
    for images, _ in tqdm(
        validation_batches(source, batch_size),
        unit="batch",
        total=-(-len(mine) // batch_size),
        disable=not progress,
        leave=False,
    ):
        found.append(probabilities(model, images).numpy())
    rows = source.rows[mine]
    return pool_predictions(Predictions(rows, source.file.labels[rows], np.concatenate(found)))


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


def score(predictions: Predictions, thresholds: Sequence[float], class_names: Sequence[str]) -> list[ClassMetric]:
    """`classification_metrics` of predictions, and the threshold of each class."""
    found = classification_metrics(predictions.labels, predictions.probabilities, np.asarray(thresholds), class_names)
    return found + [
        ClassMetric(name, "threshold", float(value)) for name, value in zip(class_names, thresholds, strict=True)
    ]
