"""Validation at the end of an epoch: sums over the batches of all ranks, never means of means."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.training.finite_loss import require_finite

BatchSums = Callable[[keras.Model, Any], np.ndarray]  # model and batch -> sums over the patches of the batch
Summary = Callable[[np.ndarray], dict[str, float]]  # sums over all batches of all ranks -> columns of the history


class PoolOverRanks(keras.callbacks.Callback):
    """At the end of an epoch, average the training logs over ranks and add the validation of all ranks.

    Args:
        validation: this rank's validation batches, or None.
        batch_sums: computes sums over one batch.
        summary: computes the logged values from the sums over all batches of all ranks.
        seconds_before: time that the first epoch has taken in an earlier part of the run.

    Raises:
        TrainingError: the training or validation loss is not finite; on all ranks, before a checkpoint is written.
    """

    def __init__(
        self,
        validation: tf.data.Dataset | None,
        batch_sums: BatchSums,
        summary: Summary,
        seconds_before: float = 0.0,
    ):
        super().__init__()
        self.validation = validation
        self.batch_sums = batch_sums
        self.summary = summary
        self.seconds_before = seconds_before

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started, self.seconds_before = time.monotonic() - self.seconds_before, 0.0

    def seconds(self) -> float:
        """Return the time since the epoch began, without pauses between the parts of a run."""
        return time.monotonic() - self.started

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        seconds = self.seconds()
        means = hvd.allreduce_sum([float(value) for value in logs.values()]) / hvd.size()
        logs.update(zip(logs, means.tolist(), strict=True))
        require_finite("loss", logs["loss"], epoch)
        logs["seconds"] = seconds
        if self.validation is not None:
            logs.update(self.summary(self.pooled_sums()))
            # The training loss is computed before the last step, so validation may be the first to show its effect.
            require_finite("validation loss", logs.get("val_loss", 0.0), epoch)

    def pooled_sums(self) -> np.ndarray:
        """Return the sums over the validation batches of all ranks. Ranks may have different numbers of batches."""
        own_sums = sum((self.batch_sums(self.model, batch) for batch in self.validation), start=0.0)
        gathered = hvd.allgather_object(np.asarray(own_sums, dtype=np.float64))
        return sum(gathered)  # a rank without batches adds a scalar 0
