"""Network + patches -> probabilities, each rank its share."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.training.batches import validation_batches


class Predictions(NamedTuple):
    """Of N patches and C classes.

    Attributes:
        rows: (N,) int, numbers of the patches in their file.
        labels: (N, C) uint8.
        probabilities: (N, C) float32.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def pool_predictions(mine: Predictions) -> Predictions:
    """The predictions of all ranks, ordered by row, each row once; on all ranks."""
    parts = hvd.allgather_object(mine)
    rows = np.concatenate([part.rows for part in parts])
    order = np.unique(rows, return_index=True)[1]
    labels, probabilities = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("labels", "probabilities")
    )
    return Predictions(rows[order], labels, probabilities)


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
