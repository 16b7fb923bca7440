"""Validation at the end of an epoch: sums are pooled over ranks, averages never."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.training.finite_loss import require_finite

# (model, batch) -> sums over the batch; sums over all batches of all ranks -> what goes into the history.
BatchSums = Callable[[keras.Model, Any], np.ndarray]
Summary = Callable[[np.ndarray], dict[str, float]]


class PoolOverRanks(keras.callbacks.Callback):
    """At the end of an epoch, average what was logged of training over ranks and validate: sums are pooled, never averages.

    Args:
        validation: this rank's validation batches, or None.
        batch_sums, summary: see above.

    Raises:
        TrainingError: the loss is no longer finite; the last checkpoint is from before.
    """

    def __init__(self, validation: tf.data.Dataset | None, batch_sums: BatchSums, summary: Summary):
        super().__init__()
        self.validation = validation
        self.batch_sums = batch_sums
        self.summary = summary

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        seconds = time.monotonic() - self.started
        means = hvd.allreduce_sum([float(value) for value in logs.values()]) / hvd.size()
        logs.update(zip(logs, means.tolist(), strict=True))
        require_finite("loss", logs["loss"], epoch)
        logs["seconds"] = seconds
        if self.validation is not None:
            logs.update(self.summary(self.pooled_sums()))
            # The training loss is from before the last step, which may have spoiled the weights.
            require_finite("validation loss", logs.get("val_loss", 0.0), epoch)

    def pooled_sums(self) -> np.ndarray:
        """Sums over the validation batches of all ranks, who may have different numbers of them."""
        sums = sum((self.batch_sums(self.model, batch) for batch in self.validation), start=0.0)
        gathered = hvd.allgather_object(np.asarray(sums, dtype=np.float64))
        return sum(part for part in gathered if part.ndim)  # a rank without batches gives a bare 0
