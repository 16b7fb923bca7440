"""Patches of a prepared file -> probabilities, each rank a share of the patches."""

from typing import NamedTuple

import keras
import numpy as np

import common.distributed as hvd
from bigearthnet.prediction.probabilities import class_probabilities
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.runs.progress import progress
from common.training.batches import own_read_errors, validation_batches


class Predictions(NamedTuple):
    """Labels and probabilities of N patches of a prepared file.

    Attributes:
        rows: (N,) int, the rows of the patches in the file.
        labels: (N, C) uint8.
        probabilities: (N, C) float32.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def predict_prepared(
    model: keras.Model, patches: ClassificationPatches, batch_size: int, task: str, show_progress: bool = False
) -> Predictions:
    """Return the predictions of all patches, in the order of their rows, on all ranks. Every rank must call it.

    Args:
        model: the network.
        patches: of a prepared file.
        batch_size: patches in a batch.
        task: begins the progress bar: which patches, and by which network if there are several.
        show_progress: show a bar.

    Raises:
        PatchFileError: a patch is damaged, or the file cannot be read.
    """
    own_indices = np.arange(hvd.rank(), len(patches), hvd.size())  # as `validation_batches` shares them out
    own_probabilities = [np.empty((0, patches.file.labels.shape[1]), np.float32)]
    with own_read_errors(), progress(len(own_indices), "patches", task, show_progress) as advance:
        for images, _ in validation_batches(patches, batch_size):
            own_probabilities.append(class_probabilities(model, images).numpy())
            advance(len(own_probabilities[-1]))
    own_rows = patches.rows[own_indices]
    return pool_predictions(Predictions(own_rows, patches.file.labels[own_rows], np.concatenate(own_probabilities)))


def pool_predictions(own_predictions: Predictions) -> Predictions:
    """Return on all ranks the predictions of all ranks, ordered by row, each row once."""
    parts = hvd.allgather_object(own_predictions)
    rows, order = np.unique(np.concatenate([part.rows for part in parts]), return_index=True)
    return Predictions(
        rows,
        np.concatenate([part.labels for part in parts])[order],
        np.concatenate([part.probabilities for part in parts])[order],
    )
