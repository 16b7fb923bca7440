"""Progress of a training run: a bar at a terminal, one line an epoch in a job, and curves for TensorBoard."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf
from tqdm import tqdm

from common.errors import OutputError
from common.machine import seconds_since_start

logger = logging.getLogger(__name__)


class Progress(keras.callbacks.Callback):
    """Log the time of the first step and one line an epoch, and show a bar of its steps if wanted.

    Args:
        epochs: epochs of the whole run.
        steps: steps of an epoch.
        patches: patches that all ranks together see in an epoch.
        show_bar: show a bar.
    """

    def __init__(self, epochs: int, steps: int, patches: int, show_bar: bool):
        super().__init__()
        self.epochs, self.steps, self.patches = epochs, steps, patches
        self.show_bar = show_bar
        self.is_first_step = True

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.bar = tqdm(
            total=self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=not self.show_bar,
        )

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update(batch + 1 - self.bar.n)
        if self.is_first_step:
            self.is_first_step = False
            if seconds := seconds_since_start():
                logger.info("first step done, %.1f s after the command was started", seconds)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        self.bar.close()
        values = "  ".join(f"{name} {value:.4g}" for name, value in logs.items() if name != "seconds")
        logger.info(
            "epoch %d/%d  %s  %.0f s  %.1f patches/s",
            epoch + 1,
            self.epochs,
            values,
            logs["seconds"],
            self.patches / logs["seconds"],
        )


class TensorBoardCurves(keras.callbacks.TensorBoard):
    """Write curves for TensorBoard. A disk that refuses ends the run in one line, as for all other files.

    Args:
        folder: for the event files.

    Raises:
        OutputError: the disk is full or read-only.
    """

    def __init__(self, folder: Path):
        super().__init__(str(folder), write_graph=False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        with self._refusals():
            super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        with self._refusals():
            super().on_train_end(logs)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn an error of TensorFlow's writer into ours."""
        try:
            yield
        except tf.errors.OpError as error:
            reason = type(error).__name__.removesuffix("Error")
            raise OutputError(f"cannot write {self.log_dir} ({reason}); check space and permissions there.") from error
