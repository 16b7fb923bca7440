"""Stop all ranks when the loss of one is no longer finite, and name the batch."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.errors import TrainingError, some_of

CHECK_STEPS = 50  # between two looks at the loss


def require_finite(name: str, value: float, epoch: int) -> None:
    """Raise TrainingError where a loss, the same on all ranks, is no longer a finite number."""
    if not math.isfinite(value):
        hvd.raise_together(
            TrainingError(
                f"the {name} became {value} in epoch {epoch + 1}; the weights in the run folder are from "
                f"before: start a new run with --init-weights RUN_FOLDER and a lower --learning-rate."
            )
        )


class FiniteLoss(keras.callbacks.Callback):
    """Stop on all ranks soon after the loss is no longer finite, and say at which batch that began.

    Losses are left where they were computed and looked at every `CHECK_STEPS` steps, when all ranks tell each other what
    they found: in between, neither the device nor another rank is waited for. Put it before what writes checkpoints.

    Args:
        steps: in an epoch.
        origins: (epoch, step) -> the scenes of this rank's batch.

    Raises:
        TrainingError: on all ranks.
    """

    def __init__(self, steps: int, origins: Callable[[int, int], Sequence[str]]):
        super().__init__()
        self.steps, self.origins = steps, origins

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.losses = epoch, []

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        # Means since the epoch began: once they are not finite they stay so. An adversarial loss has something of all
        # ranks, the content loss is of this rank's batch alone.
        self.losses.append((logs["loss"], logs.get("content_loss", logs["loss"])))
        if (batch + 1) % CHECK_STEPS == 0 or batch + 1 == self.steps:
            finite = np.isfinite([[float(loss) for loss in losses] for losses in self.losses])
            begin = int(np.argmin(finite.all(axis=1)))
            self.losses = []
            self.agree("loss", None if finite.all() else batch + 1 - len(finite) + begin, bool(finite[begin, 1]))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        # A loss is from before its step: what the last one made of the weights shows in them alone.
        finite = all(np.isfinite(float(tf.reduce_sum(variable.value))) for variable in self.model.trainable_variables)
        self.agree("sum of the weights", None if finite else self.steps - 1)

    def agree(self, what: str, step: int | None, from_others: bool = False) -> None:
        """Raise on all ranks where one has found something, with the earliest step, and the rank that it began on."""
        mine = None if step is None else (step, from_others, hvd.rank(), tuple(self.origins(self.epoch, step)))
        found = [part for part in hvd.allgather_object(mine) if part]
        if found:
            step, _, rank, scenes = min(found)  # what one rank's batch spoils, the others see one step later
            where = f" on rank {rank}" if hvd.size() > 1 else ""
            message = (
                f"the {what} was no longer finite at batch {step + 1} of epoch {self.epoch + 1}{where}, which holds "
                f"patches of {some_of(scenes)}; the weights in the run folder are from before: start a new run with "
                f"--init-weights RUN_FOLDER and a lower --learning-rate, or without that scene."
            )
            hvd.raise_together(TrainingError(message))
