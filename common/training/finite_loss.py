"""Stop all ranks when the loss of one is no longer finite, and name the batch."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.errors import TrainingError, some_of

CHECK_STEPS = 50  # steps between two checks of the loss


def require_finite(name: str, value: float, epoch: int) -> None:
    """Raise TrainingError on all ranks if a loss, the same on all ranks, is no longer finite."""
    if not math.isfinite(value):
        hvd.raise_together(TrainingError(f"the {name} became {value} in epoch {epoch + 1}; {_remedy(epoch)}."))


def _remedy(epoch: int) -> str:
    """Return what to do after a fault in an epoch, counted from 0: no weights are saved before the end of the first one."""
    rate = "a lower --learning-rate or a --clip-norm such as 0.5"
    if epoch == 0:
        return f"start a new run with {rate}"
    return f"the weights in the run folder are from before: start a new run with --init-weights RUN_FOLDER and {rate}"


class FiniteLoss(keras.callbacks.Callback):
    """Stop all ranks soon after the loss of one is no longer finite, and name the first batch and its scenes.

    Losses stay on the device. Every `CHECK_STEPS` steps each rank checks its own, and the ranks exchange the results.
    Between the checks nothing waits for the device or for another rank. Put this callback before those that write
    checkpoints.

    Args:
        steps: steps of an epoch.
        origins: (epoch, step) -> the scenes of this rank's batch.

    Raises:
        TrainingError: the loss, or a weight after the last step, is not finite on one rank; on all ranks.
    """

    def __init__(self, steps: int, origins: Callable[[int, int], Sequence[str]]):
        super().__init__()
        self.steps, self.origins = steps, origins

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.losses = epoch, []

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        # Keras logs means since the epoch began, so a loss that is not finite stays so. The batches of all ranks enter an
        # adversarial loss, this rank's batch alone enters the content loss.
        self.losses.append((logs["loss"], logs.get("content_loss", logs["loss"])))
        if (batch + 1) % CHECK_STEPS == 0 or batch + 1 == self.steps:
            self.check_losses(batch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.check_weights(self.steps - 1)

    def require_finite(self, batch: int) -> None:
        """Check all up to a step. Every rank must call this after the same step, before a checkpoint is written there.

        Raises:
            TrainingError: as above.
        """
        self.check_losses(batch)
        self.check_weights(batch)

    def check_losses(self, batch: int) -> None:
        """Check the losses since the last check; `batch` is the step of the newest."""
        if not self.losses:  # on all ranks
            return
        finite = np.isfinite([[float(loss) for loss in losses] for losses in self.losses])
        first = int(np.argmin(finite.all(axis=1)))
        self.losses = []
        step = None if finite.all() else batch + 1 - len(finite) + first
        self.raise_earliest("loss", step, from_others=bool(finite[first, 1]))

    def check_weights(self, batch: int) -> None:
        """Check the weights after a step. Its loss was computed before it, so only the weights show its effect."""
        finite = all(np.isfinite(float(tf.reduce_sum(variable.value))) for variable in self.model.trainable_variables)
        self.raise_earliest("sum of the weights", None if finite else batch)

    def raise_earliest(self, value_name: str, step: int | None, from_others: bool = False) -> None:
        """Raise on all ranks if one rank has a step; the message names the earliest step, and the rank that it began on.

        Args:
            value_name: the value that is not finite.
            step: this rank's first step with such a value, or None.
            from_others: the value may come from another rank's batch.
        """
        own_fault = None if step is None else (step, from_others, hvd.rank(), tuple(self.origins(self.epoch, step)))
        faults = [fault for fault in hvd.allgather_object(own_fault) if fault]
        if faults:
            step, _, rank, scenes = min(faults)  # other ranks see the effect of a bad batch one step later
            where = f" on rank {rank}" if hvd.size() > 1 else ""
            message = (
                f"the {value_name} was no longer finite at batch {step + 1} of epoch {self.epoch + 1}{where}, which holds "
                f"patches of {some_of(scenes)}; {_remedy(self.epoch)}, or without that scene."
            )
            hvd.raise_together(TrainingError(message))
