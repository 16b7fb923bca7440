"""Training, as every application does it: an optimizer on all ranks, a run folder, and a run that goes on exactly.

An application builds its model and says what is trained on, how it is validated, and what a checkpoint must agree with.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras

import common.distributed as hvd
from common.errors import RunFolderError
from common.networks.batch_statistics import AverageStatistics
from common.runs import folder as run
from common.runs.config import RunConfig
from common.training.batches import (
    PatchSource,
    epoch_order,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from common.training.checkpoint import read_checkpoint, variable_groups
from common.training.finite_loss import FiniteLoss
from common.training.learning_rate import LearningRate
from common.training.progress import Progress
from common.training.saving import RunFolder, ShouldSave, is_best, read_history
from common.training.validation import BatchSums, PoolOverRanks, Summary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What is trained on and how it is validated: see `common/training/batches.py` and `common/training/saving.py`.

    Attributes:
        network: whose weights are kept, where it is but a part of the model that is trained.
        should_save: after which epochs.
        callbacks: more of them; they see what was logged of training averaged over ranks.
    """

    training: PatchSource
    validation: PatchSource
    batch_sums: BatchSums
    summary: Summary
    network: keras.Model | None = None
    should_save: ShouldSave = is_best
    callbacks: tuple[keras.callbacks.Callback, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a run is kept.

    Attributes:
        folder: the run folder.
        resume: continue from its checkpoint.
        progress: show a bar.
        identity: what a checkpoint must share with a run that continues it.
        record: what `config.json` holds besides the settings.
    """

    folder: Path
    resume: bool
    progress: bool
    identity: dict[str, Any]
    record: dict[str, Any]


def fit(model: keras.Model, config: RunConfig, task: Task, place: Place) -> None:
    """Train a compiled model; rank 0 keeps history, best weights and checkpoints in the run folder."""
    config = with_fitting_batches(config, len(task.training))
    steps = steps_per_epoch(len(task.training), config.batch_size)
    learning_rate = LearningRate(config, steps)
    first_epoch, history = 0, []
    if place.resume:
        first_epoch, state, history = hvd.on_rank_zero(lambda: restore(place, model))
        learning_rate.state.update(state)
    # Not earlier: a checkpoint that does not fit must leave the settings it was made with.
    hvd.on_rank_zero(lambda: run.write_config(place.folder, config, **place.record))
    hvd.broadcast_variables([variable for group in variable_groups(model).values() for variable in group])
    logger.info(
        "%s: %d parameters, %d training and %d validation patches, %d ranks, %d steps an epoch",
        model.name,
        model.count_params(),
        len(task.training),
        len(task.validation),
        hvd.size(),
        steps,
    )
    logger.info("each rank computes on %s", hvd.describe_hardware())
    model.fit(
        training_batches(task.training, config.batch_size, config.seed, first_epoch),
        steps_per_epoch=steps,
        epochs=config.epochs,
        initial_epoch=first_epoch,
        verbose=0,
        shuffle=False,
        callbacks=training_callbacks(config, task, place, learning_rate, history, steps),
    )


def with_fitting_batches(config: RunConfig, patches: int) -> RunConfig:
    """The configuration, its batches no larger than this rank's share of the patches."""
    share = -(-patches // hvd.size())
    if config.batch_size <= share:
        return config
    logger.warning(
        "%d training patches on %d ranks: batches of %d instead of %d", patches, hvd.size(), share, config.batch_size
    )
    return replace(config, batch_size=share)


def training_callbacks(
    config: RunConfig, task: Task, place: Place, learning_rate: LearningRate, history: list[dict], steps: int
) -> list[keras.callbacks.Callback]:
    """All callbacks, in the order in which they need each other's results."""
    validation = validation_batches(task.validation, config.batch_size) if len(task.validation) else None
    callbacks = [
        FiniteLoss(steps, lambda epoch, step: batch_origins(config, task, epoch, step)),
        AverageStatistics(),
        PoolOverRanks(validation, task.batch_sums, task.summary),
        *task.callbacks,
        learning_rate,
        RunFolder(place.folder, learning_rate, place.identity, history, task.network, task.should_save),
        Progress(config.epochs, steps, steps * config.batch_size * hvd.size(), place.progress),
    ]
    if hvd.rank() == 0:
        callbacks.append(keras.callbacks.TensorBoard(str(place.folder / run.TENSORBOARD), write_graph=False))
    return callbacks


def batch_origins(config: RunConfig, task: Task, epoch: int, step: int) -> list[str]:
    """The scenes of this rank's training batch."""
    numbers = epoch_order(len(task.training), config.batch_size, config.seed, epoch)[step]
    return task.training.origins(numbers)


def restore(place: Place, model: keras.Model) -> tuple[int, dict, list[dict]]:
    """Finished epochs, state of the learning rate, and history of the run to continue. Called on rank 0."""
    epoch, state = read_checkpoint(place.folder / run.CHECKPOINT, model, place.identity)
    history = read_history(place.folder / run.HISTORY, epoch)
    if [row["epoch"] for row in history] != list(range(1, epoch + 1)):  # the best epoch would be forgotten
        raise RunFolderError(
            f"{place.folder / run.HISTORY} lacks some of the {epoch} epochs that the checkpoint has "
            f"seen; restore it, or start a new run."
        )
    try:
        h5py.File(place.folder / run.WEIGHTS, "r").close()  # sees that a file is cut short, unlike `h5py.is_hdf5`
    except OSError as error:
        raise RunFolderError(
            f"{place.folder / run.WEIGHTS} is missing or damaged; restore it, or start a new run."
        ) from error
    logger.info("resumed after epoch %d", epoch)
    return epoch, state, history


def digest(value: Any) -> str:
    """A short name for a long value, for comparing."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
