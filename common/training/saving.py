"""Save a training run: history and best weights at the end of each epoch, a checkpoint there and inside epochs."""

import math
from collections.abc import Callable
from pathlib import Path

import keras

import common.distributed as hvd
from common.files.atomic import require_space
from common.networks.weights import weights_size, write_weights
from common.runs import folder as run
from common.runs.locks.lock import require_held
from common.training.checkpoints.checkpoint import Checkpoint, checkpoint_size, write_checkpoint
from common.training.checkpoints.rank_state import EpochInWork
from common.training.history import write_history
from common.training.learning_rate import LearningRate

# Decides from the rows of the history whether to save the weights of the newest epoch.
ShouldSave = Callable[[list[dict]], bool]


def is_best(rows: list[dict]) -> bool:
    """Return whether the newest epoch has the lowest validation loss so far; training loss if there is no validation."""
    monitored = "val_loss" if "val_loss" in rows[-1] else "loss"
    return rows[-1][monitored] < min((row[monitored] for row in rows[:-1] if monitored in row), default=math.inf)


def is_highest(rows: list[dict], score: str) -> bool:
    """Return whether the newest epoch has the highest value of a score so far, a column of the history."""
    return rows[-1][score] > max((row[score] for row in rows[:-1] if score in row), default=-math.inf)


class RunWriter(keras.callbacks.Callback):
    """On rank 0, write history, best weights and a checkpoint into the run folder at the end of each epoch.

    Args:
        folder: the run folder.
        learning_rate: the callback whose state goes into the checkpoint.
        identity: settings that a checkpoint must share with a run that continues it.
        history: rows of the earlier epochs of a run that is resumed.
        saved_model: the sub-model to save; None saves the whole model.
        should_save: decides after which epochs the weights are saved.

    Raises:
        OutputError: a file cannot be written.
        InUseError: another job has taken the run folder over.
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
        self.folder = folder
        self.learning_rate = learning_rate
        self.identity = identity
        self.history = list(history)
        self.saved_model = saved_model
        self.should_save = should_save

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Fail before the first epoch if the disk is too small. Write the history that the checkpoint holds.

        Raises:
            OutputError: the disk is too small for the weights and for two checkpoints, or three during a change.
        """
        if hvd.rank() != 0:
            return
        needed = weights_size(self.model) + 3 * checkpoint_size(self.model)
        present = (self.folder / name for name in (run.WEIGHTS, run.CHECKPOINT, run.PREVIOUS_CHECKPOINT))
        missing = needed - sum(path.stat().st_size for path in present if path.exists())
        require_space(self.folder / run.CHECKPOINT, max(missing, checkpoint_size(self.model)))
        if self.history:
            write_history(self.folder / run.HISTORY, self.history)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        if hvd.rank() != 0:
            return
        require_held(run.run_lock(self.folder))
        self.history.append({"epoch": epoch + 1, **logs})
        # The checkpoint comes last: it says which epoch is next, so a run that stops here must repeat this epoch.
        if self.should_save(self.history):
            write_weights(self.folder / run.WEIGHTS, self.saved_model or self.model)
        write_history(self.folder / run.HISTORY, self.history)
        self.write(epoch + 1)

    def write(self, epoch: int, inside: EpochInWork | None = None) -> None:
        """Write a checkpoint after so many epochs, and a part of the next one. Call on rank 0."""
        require_held(run.run_lock(self.folder))
        checkpoint = Checkpoint(epoch, self.learning_rate.state, self.history, inside)
        path, previous = self.folder / run.CHECKPOINT, self.folder / run.PREVIOUS_CHECKPOINT
        write_checkpoint(path, self.model, checkpoint, self.identity, previous)
