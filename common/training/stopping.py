"""Stop a training at a signal: all ranks after the same step."""

import time

import keras

import common.distributed as hvd
from common.errors import Interrupted
from common.runs import signals

SECONDS_BETWEEN_LOOKS = 1.0  # at most; a look of several ranks takes milliseconds


class StopAtSignal(keras.callbacks.Callback):
    """Stop all ranks after the same step, soon after one of them has got a stopping signal.

    One rank looks after each step. Several ranks look together, at steps that all compute from the time of the slowest
    rank's steps. A signal in the last step of an epoch, or later, lets the epoch end, so that it is saved: put this callback
    after those that write checkpoints.

    Args:
        steps: steps of an epoch.

    Raises:
        Interrupted: on all ranks.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps
        self.steps_to_look, self.step_seconds = 1, SECONDS_BETWEEN_LOOKS

    def on_train_begin(self, logs: dict | None = None) -> None:
        hvd.raise_together(signals.interruption())  # the first step takes long, because it builds the graph

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch
        self.count_from_now()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.counted += 1
        if self.counted == self.steps_to_look and batch + 1 < self.steps:
            self.step_seconds = (time.monotonic() - self.started) / self.counted
            self.look_together(f"step {batch + 1} of epoch {self.epoch + 1}", self.epoch)
            self.count_from_now()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch + 1 < self.params["epochs"]:  # the work after the last epoch looks for signals itself
            self.look_together(f"epoch {epoch + 1}", epoch + 1)

    def count_from_now(self) -> None:
        """Count steps, and their time, until the next look."""
        self.counted, self.started = 0, time.monotonic()

    def look_together(self, place: str, saved_epochs: int) -> None:
        """Stop all ranks if one has got a signal; otherwise agree on the number of steps until the next look.

        Args:
            place: the step or the epoch that all ranks have just ended.
            saved_epochs: epochs in the checkpoint.
        """
        looks = hvd.allgather_object((signals.interruption(), self.step_seconds))
        error = next((error for error, _ in looks if error), None)
        if error:
            saved = f"epoch {saved_epochs} is saved" if saved_epochs else "no epoch is saved yet"
            hvd.raise_together(Interrupted(f"{error} after {place}; {saved}"))
        if hvd.size() > 1:
            self.steps_to_look = max(1, int(SECONDS_BETWEEN_LOOKS / max(seconds for _, seconds in looks)))
