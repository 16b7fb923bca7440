"""Keras callbacks of a training run. Those that write act on rank 0 alone.

Give them to `fit` in the order of `training_callbacks`: the first ones put into `logs` what the later ones use, and all
ranks see the same `logs`.
"""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import keras

import common.distributed as hvd
from common.errors import RunFolderError
from common.files.atomic import require_space, whole_file
from common.runs import folder as run
from common.training.checkpoint import checkpoint_size, weights_size, write_checkpoint, write_weights
from common.training.learning_rate import LearningRate

# Rows of the history so far -> are the newest epoch's weights the ones to keep?
ShouldSave = Callable[[list[dict]], bool]


def is_best(rows: list[dict]) -> bool:
    """Has the newest epoch the lowest validation loss so far, or, without validation, training loss?"""
    monitored = "val_loss" if "val_loss" in rows[-1] else "loss"
    return rows[-1][monitored] < min((row[monitored] for row in rows[:-1] if monitored in row), default=math.inf)


class RunFolder(keras.callbacks.Callback):
    """On rank 0, write history, best weights and a checkpoint at the end of each epoch.

    Args:
        folder: the run folder.
        learning_rate: whose state the checkpoint keeps.
        identity: what a checkpoint must agree with to be continued.
        history: rows of the epochs before, when a run is resumed.
        saved_model: the sub-model to save; None saves the whole model.
        should_save: decides after which epochs the weights are saved.
    """

    def __init__(
        self,
        folder: Path,
        learning_rate: LearningRate,
        identity: dict,
        history: list[dict],
        saved_model: keras.Model | None = None,
        should_save: ShouldSave = is_best,
    ):
        super().__init__()
        self.saved_model = saved_model
        self.should_save = should_save
        self.folder = folder
        self.learning_rate = learning_rate
        self.identity = identity
        self.history = history

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Fail before the first epoch if the disk is too small for the weights and, during a change, two checkpoints.

        Raises:
            OutputError: the disk is too small.
        """
        if hvd.rank() == 0:
            require_space(self.folder / run.CHECKPOINT, weights_size(self.model) + 2 * checkpoint_size(self.model))

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        if hvd.rank() != 0:
            return
        self.history.append({"epoch": epoch + 1, **logs})
        # The order matters to a run that is interrupted here: the checkpoint, which tells where to go on, comes last.
        if self.should_save(self.history):
            write_weights(self.folder / run.WEIGHTS, self.saved_model or self.model)
        write_history(self.folder / run.HISTORY, self.history)
        write_checkpoint(self.folder / run.CHECKPOINT, self.model, epoch + 1, self.learning_rate.state, self.identity)


def write_history(path: Path, rows: list[dict]) -> None:
    """Write `history.csv`, an epoch a row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def read_history(path: Path, epochs: int) -> list[dict]:
    """The first `epochs` rows of `history.csv`, as numbers.

    Raises:
        RunFolderError: it is missing or damaged.
    """
    try:
        with open(path, newline="") as file:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows[:epochs]]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); restore it, or start a new run.") from error
