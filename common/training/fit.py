"""Train a model on all ranks, and write its run folder. A run that stopped continues as if it had not.

An application builds the model and gives a `Task`: patches, validation, and the settings that a checkpoint must share.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.networks.batch_statistics import AverageStatistics
from common.networks.precision import hardware_record
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.provenance import library_versions, number_variables
from common.training.batches import (
    PatchSource,
    Start,
    epoch_order,
    own_read_errors,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from common.training.checkpoints.checkpoint import Checkpoint, variable_groups
from common.training.checkpoints.rank_state import EpochInWork, gather_rank_variables
from common.training.checkpoints.rest_of_epoch import RestOfEpoch
from common.training.checkpoints.restoring import describe, restore_on_all_ranks
from common.training.finite_loss import FiniteLoss
from common.training.learning_rate import LearningRate
from common.training.progress import Progress, TensorBoardCurves
from common.training.saving import RunWriter, ShouldSave, is_best
from common.training.stopping import StopAndSave
from common.training.validation import BatchSums, PoolOverRanks, Summary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """The parts of a training, besides the model and its settings.

    Attributes:
        training: patches to train on.
        validation: patches to validate on; may be empty.
        batch_sums: computes the validation sums over one batch, see `common/training/validation.py`.
        summary: computes the columns of the history from the sums of all ranks.
        identity: settings that a checkpoint must share with a run that continues it.
        record: entries of `config.json` besides the settings.
        saved_model: the sub-model to save; None saves the whole model.
        should_save: decides after which epochs weights are saved, see `common/training/saving.py`.
        callbacks: further callbacks; their logs are averaged over ranks.
        weights: how often each training patch comes, as `draw_patches` takes them; None: once an epoch.
    """

    training: PatchSource
    validation: PatchSource
    batch_sums: BatchSums
    summary: Summary
    identity: dict[str, Any]
    record: dict[str, Any]
    saved_model: keras.Model | None = None
    should_save: ShouldSave = is_best
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    weights: np.ndarray | None = None


def fit(
    model: keras.Model,
    config: RunConfig,
    task: Task,
    folder: Path,
    resume: bool = False,
    show_progress: bool = False,
    allow_ranks_change: bool = False,
) -> None:
    """Train a compiled model; rank 0 writes history, best weights and checkpoints into the run folder.

    Args:
        model: compiled with `compile_model`, the same on all ranks.
        config: training settings.
        task: patches, validation, and the model to save.
        folder: the run folder, which exists.
        resume: continue from the folder's checkpoint.
        show_progress: show a bar instead of one line an epoch.
        allow_ranks_change: continue also from a checkpoint of another number of ranks.

    Raises:
        RunFolderError: the checkpoint to continue from is damaged or of another run.
        TrainingError: the loss is no longer finite.
        Interrupted: a rank got a stopping signal.
        PatchFileError: a patch is damaged, or its file cannot be read.
    """
    config = with_fitting_batches(config, len(task.training))
    steps = steps_per_epoch(len(task.training), config.step_patches)
    learning_rate = LearningRate(config, steps)
    checkpoint = Checkpoint(0, {}, [])
    if resume:
        checkpoint = restore_on_all_ranks(folder, task.identity, model, config.epochs, allow_ranks_change)
        learning_rate.state.update(checkpoint.state)
        logger.info("resumed %s", describe(checkpoint))
        warn_of_other_ranks(checkpoint, learning_rate)
    # Write only after the checkpoint has loaded, so that a wrong one overwrites nothing.
    hvd.on_rank_zero(lambda: write_record(folder, config, task))
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
    writer = RunWriter(folder, learning_rate, task.identity, checkpoint.history, task.saved_model, task.should_save)
    with own_read_errors():
        run_epochs(model, config, task, writer, checkpoint, show_progress)


def run_epochs(
    model: keras.Model, config: RunConfig, task: Task, writer: RunWriter, checkpoint: Checkpoint, show_progress: bool
) -> None:
    """Train from where a checkpoint was written, which may be inside an epoch, to the last epoch."""
    patches, steps = len(task.training), steps_per_epoch(len(task.training), config.step_patches)
    inside = checkpoint.inside if checkpoint.epoch < config.epochs else None
    start = Start(checkpoint.epoch, inside.patches if inside else 0)
    first_step = start.step(patches, config.step_patches)
    callbacks = training_callbacks(config, task, writer, start, inside, show_progress)
    first_to_train = start if first_step < steps else Start(start.epoch + 1)
    if not model.run_eagerly:
        model.train_function = train_function(model)
    model.fit(
        training_batches(task.training, config.step_patches, config.seed, first_to_train, task.weights),
        steps_per_epoch=steps,
        epochs=config.epochs,
        initial_epoch=first_to_train.epoch,
        verbose=0,
        shuffle=False,
        callbacks=RestOfEpoch(callbacks, model, config.epochs, steps, start.epoch, first_step, inside),
    )


def train_function(model: keras.Model) -> Callable[[Iterator], dict[str, tf.Tensor]]:
    """Return a step of a compiled model as one TensorFlow function: iterator of batches without end -> logs.

    Keras makes two, one inside the other, for batches that may end and for several steps a call. They take longer to build.
    """
    return tf.function(lambda batches: model.train_step(next(batches)), autograph=False)


def warn_of_other_ranks(checkpoint: Checkpoint, learning_rate: LearningRate) -> None:
    """Log a warning on rank 0 if another number of ranks wrote a checkpoint; `config.json` holds both numbers."""
    if hvd.rank() == 0 and checkpoint.ranks not in (None, hvd.size()):
        logger.warning(
            "the run had %d ranks and goes on with %d: the highest learning rate is now %g",
            checkpoint.ranks,
            hvd.size(),
            learning_rate.full_rate,
        )


def write_record(folder: Path, config: RunConfig, task: Task) -> None:
    """Write `config.json`; warn if a run continues on hardware, with variables or libraries that change numbers.

    Call on rank 0.
    """
    hardware = hardware_record()
    earlier = run.read_config(folder) if (folder / run.CONFIG).exists() else {}
    changes = describe_changes(
        earlier, {"hardware": hardware, "environment": number_variables(), "versions": library_versions()}
    )
    if changes:
        logger.warning("%s: numbers no longer agree bit for bit with a run that did not stop", changes)
    run.write_config(folder, config, hardware=hardware, **task.record)


def describe_changes(earlier: dict, now: dict[str, dict]) -> str:
    """Return the hardware, variables and versions that differ between two records: `cores_per_rank was 2 and is 1`.

    Args:
        earlier: of the run so far; a part that it lacks, as in runs of older versions, counts as equal.
        now: part -> name -> value.
    """
    return ", ".join(
        f"{name} was {earlier[part].get(name, 'not set')} and is {values.get(name, 'not set')}"
        for part, values in now.items()
        if isinstance(earlier.get(part), dict)
        for name in {**earlier[part], **values}
        if earlier[part].get(name) != values.get(name)
    )


def with_fitting_batches(config: RunConfig, patches: int) -> RunConfig:
    """Return the configuration with the smallest batches whose steps hold a rank's share, if its batches are larger."""
    share = -(-patches // hvd.size())
    batch_size = -(-share // config.accumulate)
    if config.batch_size <= batch_size:
        return config
    if hvd.rank() == 0:
        logger.warning(
            "%d training patches on %d ranks: batches of %d instead of %d",
            patches,
            hvd.size(),
            batch_size,
            config.batch_size,
        )
    return replace(config, batch_size=batch_size)


def training_callbacks(
    config: RunConfig, task: Task, writer: RunWriter, start: Start, inside: EpochInWork | None, show_progress: bool
) -> list[keras.callbacks.Callback]:
    """Return all callbacks. Their order matters: the first ones put values into `logs` that later ones use."""
    patches, steps = len(task.training), steps_per_epoch(len(task.training), config.step_patches)
    validation = validation_batches(task.validation, config.batch_size) if len(task.validation) else None
    finite = FiniteLoss(steps, lambda epoch, step: batch_origins(config, task, start, epoch, step))
    pool = PoolOverRanks(validation, task.batch_sums, task.summary, inside.seconds if inside else 0.0)

    def save(epoch: int, step: int) -> None:
        finite.require_finite(step)
        done = start.after(epoch, step + 1, patches, config.step_patches).patches
        gathered = EpochInWork(done, pool.seconds(), gather_rank_variables(writer.model))
        hvd.on_rank_zero(lambda: writer.write(epoch, gathered))

    callbacks = [
        finite,
        AverageStatistics(),
        pool,
        *task.callbacks,
        writer.learning_rate,
        writer,
        Progress(config.epochs, steps, steps * config.step_patches * hvd.size(), show_progress),
    ]
    if hvd.rank() == 0:
        callbacks.append(TensorBoardCurves(writer.folder / run.TENSORBOARD))
    return [*callbacks, StopAndSave(steps, save, config.checkpoint_minutes)]


def batch_origins(config: RunConfig, task: Task, start: Start, epoch: int, step: int) -> list[str]:
    """Return the scene or file of each patch in this rank's training batch."""
    order = epoch_order(len(task.training), config.step_patches, config.seed, epoch, start.done(epoch), task.weights)
    return task.training.origins(order[step - steps_per_epoch(len(task.training), config.step_patches)])


def digest(value: Any) -> str:
    """Return the first 12 digits of the SHA-256 of a value as JSON, to compare long values."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
