"""Train a model on all ranks, and write its run folder. A run that stopped continues as if it had not.

An application builds the model and gives a `Task`: patches, validation, and the settings that a checkpoint must share.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

import common.distributed as hvd
from common.errors import DamagedFileError, RunFolderError, SettingError
from common.files.atomic import cannot_write, move_into_place
from common.files.hdf5 import open_hdf5
from common.files.read_errors import describe_refusal
from common.files.seal import require_seal
from common.networks.batch_statistics import AverageStatistics
from common.networks.precision import hardware_record
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.provenance import library_versions, number_variables
from common.training.batches import (
    PatchSource,
    epoch_order,
    own_read_errors,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from common.training.checkpoint import REMEDY, Checkpoint, is_complete, read_checkpoint, variable_groups
from common.training.finite_loss import FiniteLoss
from common.training.history import read_history
from common.training.learning_rate import LearningRate
from common.training.progress import Progress, TensorBoardCurves
from common.training.saving import RunWriter, ShouldSave, is_best
from common.training.stopping import StopAtSignal
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


def fit(
    model: keras.Model, config: RunConfig, task: Task, folder: Path, resume: bool = False, show_progress: bool = False
) -> None:
    """Train a compiled model; rank 0 writes history, best weights and checkpoints into the run folder.

    Args:
        model: compiled with `compile_model`, the same on all ranks.
        config: training settings.
        task: patches, validation, and the model to save.
        folder: the run folder, which exists.
        resume: continue from the folder's checkpoint.
        show_progress: show a bar instead of one line an epoch.

    Raises:
        RunFolderError: the checkpoint to continue from is damaged or of another run.
        TrainingError: the loss is no longer finite.
        Interrupted: a rank got a stopping signal.
        PatchFileError: a patch is damaged, or its file cannot be read.
    """
    config = with_fitting_batches(config, len(task.training))
    steps = steps_per_epoch(len(task.training), config.batch_size)
    learning_rate = LearningRate(config, steps)
    first_epoch, history = 0, []
    if resume:
        first_epoch, state, history = hvd.on_rank_zero(lambda: restore(folder, task.identity, model, config.epochs))
        learning_rate.state.update(state)
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
    writer = RunWriter(folder, learning_rate, task.identity, history, task.saved_model, task.should_save)
    with own_read_errors():
        model.fit(
            training_batches(task.training, config.batch_size, config.seed, first_epoch),
            steps_per_epoch=steps,
            epochs=config.epochs,
            initial_epoch=first_epoch,
            verbose=0,
            shuffle=False,
            callbacks=training_callbacks(config, task, writer, steps, show_progress),
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
    """Return the configuration with batches no larger than a rank's share of the patches."""
    share = -(-patches // hvd.size())
    if config.batch_size <= share:
        return config
    logger.warning(
        "%d training patches on %d ranks: batches of %d instead of %d", patches, hvd.size(), share, config.batch_size
    )
    return replace(config, batch_size=share)


def training_callbacks(
    config: RunConfig, task: Task, writer: RunWriter, steps: int, show_progress: bool
) -> list[keras.callbacks.Callback]:
    """Return all callbacks. Their order matters: the first ones put values into `logs` that later ones use."""
    validation = validation_batches(task.validation, config.batch_size) if len(task.validation) else None
    callbacks = [
        FiniteLoss(steps, lambda epoch, step: batch_origins(config, task, epoch, step)),
        AverageStatistics(),
        PoolOverRanks(validation, task.batch_sums, task.summary),
        *task.callbacks,
        writer.learning_rate,
        writer,
        Progress(config.epochs, steps, steps * config.batch_size * hvd.size(), show_progress),
    ]
    if hvd.rank() == 0:
        callbacks.append(TensorBoardCurves(writer.folder / run.TENSORBOARD))
    return [*callbacks, StopAtSignal(steps)]


def batch_origins(config: RunConfig, task: Task, epoch: int, step: int) -> list[str]:
    """Return the scene or file of each patch in this rank's training batch."""
    indices = epoch_order(len(task.training), config.batch_size, config.seed, epoch)[step]
    return task.training.origins(indices)


def restore(folder: Path, identity: dict[str, Any], model: keras.Model, epochs: int) -> Checkpoint:
    """Set the model from the newest whole checkpoint of a run folder. Call on rank 0.

    Returns:
        What the checkpoint holds besides the arrays; its history is that of `history.csv` if an older version wrote it.

    Raises:
        DamagedFileError: all checkpoints are missing or damaged, or the best weights are damaged.
        WeightsError: the checkpoint is of another network or other settings.
        SettingError: more epochs are finished than the command asks for.
        RunFolderError: the best weights, or the history of a run of an older version, are missing or damaged.
    """
    checkpoint = read_newest(folder, identity, model)
    if checkpoint.history is None:
        checkpoint = checkpoint._replace(history=read_old_history(folder, checkpoint.epoch))
    if checkpoint.epoch > epochs:  # settings and model card would describe other weights than those in the folder
        raise SettingError(
            f"{folder} holds a run with {checkpoint.epoch} finished epochs, and --epochs asks for {epochs}; give --epochs "
            f"{checkpoint.epoch} or more, or another --run-dir."
        )
    require_best_weights(folder / run.WEIGHTS)
    logger.info("resumed after epoch %d", checkpoint.epoch)
    return checkpoint


def read_newest(folder: Path, identity: dict[str, Any], model: keras.Model) -> Checkpoint:
    """Set the model from the newest checkpoint, or from the previous one if that is damaged.

    A checkpoint that cannot be used is kept under another name, so that the next one does not take the place of the
    previous, whole one.

    Raises:
        DamagedFileError, WeightsError: as `restore`.
    """
    newest = folder / run.CHECKPOINT
    found = [path for path in (newest, folder / run.PREVIOUS_CHECKPOINT) if path.exists()]
    problems: list[str] = []
    for path in found or [newest]:
        try:
            checkpoint = read_checkpoint(path, model, identity)
        except DamagedFileError as error:
            problems.append(str(error))
            continue
        if problems:
            set_aside(newest)
            logger.warning("%s The run goes on from %s, after epoch %d", problems[0], path.name, checkpoint.epoch)
        return checkpoint
    raise DamagedFileError(" ".join(problems))


def set_aside(path: Path) -> None:
    """Rename a checkpoint that cannot be used.

    Raises:
        OutputError: it cannot be renamed.
    """
    try:
        move_into_place(path, path.with_name(run.UNUSABLE_CHECKPOINT))
    except OSError as error:
        raise cannot_write(path, error) from error


def read_old_history(folder: Path, epoch: int) -> list[dict]:
    """Return the rows of `history.csv` for a checkpoint of an older version, which does not hold them.

    Raises:
        RunFolderError: the file is missing or damaged, or lacks an epoch.
    """
    history = read_history(folder / run.HISTORY, epoch)
    if not is_complete(history, epoch):  # the best epoch may be among those missing
        raise RunFolderError(
            f"{folder / run.HISTORY} lacks some of the {epoch} epochs before the checkpoint; "
            f"restore it, or start a new run."
        )
    return history


def require_best_weights(path: Path) -> None:
    """Check that the file of the best weights, which the command loads after the last epoch, is whole.

    Raises:
        DamagedFileError: it is not as it was written.
        RunFolderError: it is missing, cut short, or cannot be read.
    """
    try:
        with open_hdf5(path) as file:
            require_seal(path, file, REMEDY)
    except OSError as error:
        reason = describe_refusal(error) or f"is missing or damaged; {REMEDY}"
        raise RunFolderError(f"{path} {reason}.") from error


def digest(value: Any) -> str:
    """Return the first 12 digits of the SHA-256 of a value as JSON, to compare long values."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
