"""Stop a training at a signal, and save it every few minutes: all ranks after the same step."""

import time
from collections.abc import Callable

import keras

import common.distributed as hvd
from common.errors import Interrupted
from common.runs import signals

SECONDS_BETWEEN_LOOKS = 1.0  # at most; a look of several ranks takes milliseconds
Save = Callable[[int, int], None]  # epoch and step, from 0 -> write a checkpoint after this step; every rank calls it


class StopAndSave(keras.callbacks.Callback):
    """Write a checkpoint and stop on all ranks after the same step, soon after one of them has got a stopping signal.

    The same look writes a checkpoint if the last one is `minutes` old on rank 0.

    One rank looks after each step. Several ranks look together, at steps that all compute from the time of the slowest
    rank's steps, and after the last step of an epoch. A later signal lets the epoch end, so that it is saved: put this
    callback after those that write checkpoints.

    Args:
        steps: steps of an epoch.
        save: writes a checkpoint inside an epoch.
        minutes: between two checkpoints; 0: only at the ends of epochs and at signals.

    Raises:
        Interrupted: on all ranks.
    """

    def __init__(self, steps: int, save: Save, minutes: float):
        super().__init__()
        self.steps, self.save, self.minutes = steps, save, minutes
        self.steps_to_look, self.step_seconds = 1, SECONDS_BETWEEN_LOOKS

    def on_train_begin(self, logs: dict | None = None) -> None:
        hvd.raise_together(signals.interruption())  # the first step takes long, because it builds the graph
        self.saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch
        self.count_from_now()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.counted += 1
        is_last = batch + 1 == self.steps
        if self.counted == self.steps_to_look or is_last:
            self.step_seconds = (time.monotonic() - self.started) / self.counted
            error, is_due = self.look_together()
            if error or (is_due and not is_last):
                self.save(self.epoch, batch)
                self.saved = time.monotonic()
            stop_together(error, f"step {batch + 1} of epoch {self.epoch + 1}")
            self.count_from_now()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.saved = time.monotonic()
        if epoch + 1 < self.params["epochs"]:  # the work after the last epoch looks for signals itself
            stop_together(self.look_together()[0], f"epoch {epoch + 1}")

    def count_from_now(self) -> None:
        """Count steps, and their time, until the next look."""
        self.counted, self.started = 0, time.monotonic()

    def look_together(self) -> tuple[Interrupted | None, bool]:
        """Return the first rank's signal and whether to save, and agree on the number of steps until the next look."""
        is_due = 0 < self.minutes * 60 <= time.monotonic() - self.saved
        looks = hvd.allgather_object((signals.interruption(), self.step_seconds, is_due))
        if hvd.size() > 1:
            self.steps_to_look = max(1, int(SECONDS_BETWEEN_LOOKS / max(seconds for _, seconds, _ in looks)))
        return next((error for error, _, _ in looks if error), None), looks[0][2]


def stop_together(error: Interrupted | None, place: str) -> None:
    """Raise the error of all ranks, if there is one, after a step or an epoch that is saved."""
    if error:
        hvd.raise_together(Interrupted(f"{error} after {place}, which is saved"))
