"""Restore a training from the newest whole checkpoint of a run folder."""

import logging
import os
from pathlib import Path
from typing import Any

import keras

import common.distributed as hvd
from common.errors import DamagedFileError, RunFolderError, SettingError
from common.files.atomic import cannot_write, move_into_place
from common.files.hdf5 import open_hdf5
from common.files.read_errors import describe_refusal
from common.files.seal import require_seal
from common.runs import folder as run
from common.training.checkpoints.checkpoint import REMEDY, Checkpoint, is_complete, read_checkpoint
from common.training.checkpoints.rank_state import share_rank_variables
from common.training.history import read_history

logger = logging.getLogger(__name__)


def restore_on_all_ranks(
    folder: Path, identity: dict[str, Any], model: keras.Model, epochs: int, allow_ranks_change: bool = False
) -> Checkpoint:
    """Set the model on rank 0 as `restore` does, and return its checkpoint on all ranks. Every rank must call this.

    Of the variables that differ between ranks, each rank gets its own.

    Raises:
        S2Error: as `restore`; on all ranks.
    """
    shares: list[dict] = []

    def restore_without_shares() -> Checkpoint:
        checkpoint = restore(folder, identity, model, epochs, allow_ranks_change)
        if checkpoint.inside:
            shares.extend(share_rank_variables(checkpoint.inside.variables, hvd.size()))
            checkpoint = checkpoint._replace(inside=checkpoint.inside._replace(variables={}))
        return checkpoint

    checkpoint = hvd.on_rank_zero(restore_without_shares)
    if checkpoint.inside:
        checkpoint = checkpoint._replace(inside=checkpoint.inside._replace(variables=hvd.scatter_object(shares)))
    return checkpoint


def restore(
    folder: Path, identity: dict[str, Any], model: keras.Model, epochs: int, allow_ranks_change: bool = False
) -> Checkpoint:
    """Set the model from the newest whole checkpoint of a run folder. Call on rank 0.

    Returns:
        What the checkpoint holds besides the arrays; its history is that of `history.csv` if an older version wrote it.

    Raises:
        DamagedFileError: all checkpoints are missing or damaged, or the best weights are damaged.
        WeightsError: the checkpoint is of another network or other settings.
        SettingError: more epochs are finished than the command asks for.
        RunFolderError: the best weights, or the history of a run of an older version, are missing or damaged.
    """
    checkpoint = read_newest(folder, identity, model, allow_ranks_change)
    if checkpoint.history is None:
        checkpoint = checkpoint._replace(history=read_old_history(folder, checkpoint.epoch))
    if checkpoint.epoch > epochs:  # settings and model card would describe other weights than those in the folder
        raise SettingError(
            f"{folder} holds a run with {checkpoint.epoch} finished epochs, and --epochs asks for {epochs}; give --epochs "
            f"{checkpoint.epoch} or more, or another --run-dir."
        )
    if checkpoint.epoch:  # there are none before the end of the first epoch
        require_best_weights(folder / run.WEIGHTS)
    return checkpoint


def read_newest(
    folder: Path, identity: dict[str, Any], model: keras.Model, allow_ranks_change: bool = False
) -> Checkpoint:
    """Set the model from the newest checkpoint, or from the previous one if that is damaged.

    A checkpoint that cannot be used is kept under another name, so that the next one does not take the place of the
    previous, whole one.

    Raises:
        DamagedFileError, WeightsError: as `restore`.
    """
    newest = folder / run.CHECKPOINT
    found = [path for path in (newest, folder / run.PREVIOUS_CHECKPOINT) if os.path.lexists(path)]
    problems: list[str] = []
    for path in found or [newest]:
        try:
            checkpoint = read_checkpoint(path, model, identity, allow_ranks_change)
        except DamagedFileError as error:
            problems.append(str(error))
            continue
        if problems:
            if newest.exists():  # no link to nowhere, which the next checkpoint replaces
                set_aside(newest)
            logger.warning("%s The run goes on from %s, %s", problems[0], path.name, describe(checkpoint))
        return checkpoint
    raise DamagedFileError(" ".join(problems))


def describe(checkpoint: Checkpoint) -> str:
    """Return what was done before a checkpoint: `after epoch 3 and 640 patches of epoch 4`."""
    done = [f"epoch {checkpoint.epoch}"] if checkpoint.epoch else []
    if checkpoint.inside:
        done.append(f"{checkpoint.inside.patches:,} patches of epoch {checkpoint.epoch + 1}")
    return f"after {' and '.join(done)}"


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
