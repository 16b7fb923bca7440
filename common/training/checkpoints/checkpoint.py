"""Checkpoints, from which a run continues as if it had not stopped.

`checkpoint.h5` holds the arrays `weights/<n>` and `optimizer/<n>` in the order of the Keras variables. A model with an
attribute `checkpoint_groups`, such as one with an adversary, has these groups instead. Inside an epoch it also holds
`sums/<n>` and `statistics/<n>`, with one row for each rank (`rank_state.py`). Attributes: `version`, `epoch` (number of
finished epochs), `state` (of the learning rate, JSON), `history` (rows of `history.csv`, JSON), `identity` (JSON), `patches`
and `seconds` (inside an epoch), and `seal` (`common/files/seal.py`).

Version 2 may be inside an epoch. Older files, of version 1, lack `version`, and the oldest also `history` and `seal`.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np

import common.distributed as hvd
from common.errors import DamagedFileError, S2Error, WeightsError
from common.files.hdf5 import open_hdf5, whole_hdf5
from common.files.limits import parse_json
from common.files.read_errors import describe_refusal
from common.files.seal import require_seal, seal
from common.networks.weights import array_bytes
from common.runs.config import SETTINGS_OF_OLDER_RUNS, option_name
from common.training.checkpoints.rank_state import EpochInWork, rank_variables

REMEDY = "restore it, or start a new run"
VERSION = 2
# Of an identity; the rest are settings and the number of ranks.
DIGESTS = ("classes", "patches", "patch files", "validation blocks")


class Checkpoint(NamedTuple):
    """What a checkpoint holds besides the arrays of a model.

    Attributes:
        epoch: number of finished epochs.
        state: state of the learning rate after them, plain numbers.
        history: row of each finished epoch; None if an older version wrote the file.
        inside: the next epoch, if a part of it is done.
        ranks: number of ranks of the training; None if the settings do not tell it.
    """

    epoch: int
    state: dict[str, Any]
    history: list[dict[str, Any]] | None
    inside: EpochInWork | None = None
    ranks: int | None = None


def checkpoint_size(model: keras.Model) -> int:
    """Return the largest size of a checkpoint of a compiled model, in bytes."""
    sizes = [array_bytes(variables) for variables in variable_groups(model).values()]
    return sum(sizes) + hvd.size() * sum(array_bytes(variables) for variables in rank_variables(model).values())


def write_checkpoint(
    path: Path, model: keras.Model, checkpoint: Checkpoint, identity: dict, previous: Path | None = None
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file.
        model: a compiled model, its optimizer built.
        checkpoint: all else that is needed to continue.
        identity: settings that a run must share to continue from this checkpoint, for JSON.
        previous: name for the older checkpoint at `path`; None replaces it.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    with whole_hdf5(path, previous) as file:
        for group, variables in variable_groups(model).items():
            for index, variable in enumerate(variables):
                file[f"{group}/{index}"] = np.asarray(variable)
        if checkpoint.inside:
            write_inside(file, checkpoint.inside)
        texts = {"state": checkpoint.state, "history": checkpoint.history, "identity": identity}
        file.attrs.update({name: json.dumps(value, default=float) for name, value in texts.items()})
        file.attrs.update(version=VERSION, epoch=checkpoint.epoch)
        seal(file)


def write_inside(file: h5py.File, inside: EpochInWork) -> None:
    """Write the part of an epoch that is done."""
    file.attrs.update(patches=inside.patches, seconds=inside.seconds)
    for group, arrays in inside.variables.items():
        for index, array in enumerate(arrays):
            file[f"{group}/{index}"] = array


def read_checkpoint(path: Path, model: keras.Model, identity: dict, allow_ranks_change: bool = False) -> Checkpoint:
    """Set the weights of a compiled model and the variables of its optimizer from a checkpoint.

    Args:
        path: the file.
        model: a compiled model, its optimizer built.
        identity: settings that the checkpoint must share, for JSON.
        allow_ranks_change: accept another number of ranks.

    Raises:
        DamagedFileError: the file is missing, damaged, or cannot be read. The model is unchanged.
        WeightsError: it is of another network, of other settings, or of a newer version. The model is unchanged.
    """
    try:
        with open_hdf5(path) as file:
            require_seal(path, file, REMEDY)
            require_known_version(path, file)
            stored = parse_json(file.attrs["identity"])
            check_identity(path, stored, identity, allow_ranks_change)
            values = read_arrays(path, file, variable_groups(model))
            checkpoint = read_attributes(file)._replace(ranks=stored.get("ranks"))
            if "patches" in file.attrs:
                checkpoint = checkpoint._replace(inside=read_inside(file, model))
    except FileNotFoundError as error:
        reason = describe_refusal(error) or "does not exist; start the run without --resume"
        raise DamagedFileError(f"the checkpoint {path} {reason}.") from None
    except S2Error:
        raise
    except Exception as error:  # h5py raises many kinds for damaged files
        reason = describe_refusal(error) or f"is cut short, or is no checkpoint; {REMEDY}"
        raise DamagedFileError(f"{path} {reason}.") from error
    for variable, value in values:
        variable.assign(value)
    return checkpoint


def read_attributes(file: h5py.File) -> Checkpoint:
    """Return what a checkpoint holds besides the arrays.

    Raises:
        KeyError, TypeError, ValueError: an attribute is missing, or is none of a checkpoint.
    """
    epoch, state = int(file.attrs["epoch"]), dict(parse_json(file.attrs["state"]))
    history = parse_json(file.attrs["history"]) if "history" in file.attrs else None
    first = 0 if "patches" in file.attrs else 1
    if epoch < first or not (history is None or is_complete(history, epoch)):
        raise ValueError(f"{epoch} epochs")
    return Checkpoint(epoch, state, history)


def read_inside(file: h5py.File, model: keras.Model) -> EpochInWork:
    """Return the part of an epoch that is done.

    Raises:
        KeyError, TypeError, ValueError: a part is missing, or does not fit the model.
    """
    patches, seconds = int(file.attrs["patches"]), float(file.attrs["seconds"])
    variables = {
        group: [file[f"{group}/{index}"][...] for index in range(len(own))]
        for group, own in rank_variables(model).items()
    }
    ranks = len(variables["sums"][0])
    shapes = {group: [(ranks, *variable.shape) for variable in own] for group, own in rank_variables(model).items()}
    found = {group: [array.shape for array in arrays] for group, arrays in variables.items()}
    if patches < 1 or not 0 <= seconds < math.inf or ranks < 1 or found != shapes:
        raise ValueError(f"{patches} patches in {seconds} s, arrays {found}")
    return EpochInWork(patches, seconds, variables)


def require_known_version(path: Path, file: h5py.File) -> None:
    """Raise WeightsError if a newer version of this software wrote the checkpoint."""
    version = int(file.attrs.get("version", 1))
    if version > VERSION:
        raise WeightsError(
            f"{path} is of version {version} of checkpoints, and this software reads versions up to {VERSION}; resume with "
            f"the software that wrote it, or a newer one."
        )


def is_complete(history: list[dict[str, Any]], epoch: int) -> bool:
    """Return whether a history holds each epoch up to the given one, and no more."""
    return len(history) == epoch and all(row["epoch"] == number for number, row in enumerate(history, start=1))


def variable_groups(model: keras.Model) -> dict[str, list]:
    """Return the variables that a checkpoint holds and that are equal on all ranks, by group."""
    groups = getattr(model, "checkpoint_groups", None)
    return groups or {"weights": model.variables, "optimizer": model.optimizer.variables}


def check_identity(path: Path, stored: dict, wanted: dict, allow_ranks_change: bool) -> None:
    """Raise WeightsError unless a checkpoint was made with the wanted settings."""
    for name, value in wanted.items():
        if name == "ranks" and stored.get(name) != value:
            if not allow_ranks_change:
                raise WeightsError(
                    f"{path} was made with {stored.get(name)} ranks, this run has {value}; start {stored.get(name)} ranks, or "
                    f"add --allow-ranks-change."
                )
        elif (before := stored.get(name, SETTINGS_OF_OLDER_RUNS.get(name))) != value:
            setting = name if name in DIGESTS else option_name(name)
            made = f"without {setting}" if before is None else f"with {setting} {before}"
            raise WeightsError(
                f"{path} was made {made}, this run has {'none' if value is None else value}; "
                f"resume with the same settings, or start a new run."
            )


def read_arrays(path: Path, file: h5py.File, groups: dict[str, list]) -> list[tuple]:
    """Return each variable with its value in the file, without assigning it.

    Raises:
        WeightsError: a group is missing, or the number or the shape of its arrays differs.
    """
    pairs = []
    for group, variables in groups.items():
        if group not in file:
            raise WeightsError(
                f"{path} holds no {group.replace('_', ' ')}, only {', '.join(file)}: it is damaged or of another network; "
                f"restore it, or start a new run."
            )
        if len(file[group]) != len(variables):
            raise WeightsError(
                f"{path} holds {len(file[group])} {group} arrays, this network has {len(variables)}; "
                f"it belongs to another network."
            )
        for index, variable in enumerate(variables):
            dataset = file[f"{group}/{index}"]
            if dataset.shape != tuple(variable.shape):
                raise WeightsError(
                    f"{path} holds {group} of shape {dataset.shape} where this network has "
                    f"{tuple(variable.shape)}; it belongs to another network."
                )
            pairs.append((variable, dataset[...]))
    return pairs
