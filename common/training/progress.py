"""Progress of a training run: a bar at a terminal, one line an epoch in a job."""

import logging

import keras
from tqdm import tqdm

logger = logging.getLogger(__name__)


class Progress(keras.callbacks.Callback):
    """Log one line an epoch, and show a bar of its steps if wanted.

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

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.bar = tqdm(
            total=self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=not self.show_bar,
        )

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update()

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
