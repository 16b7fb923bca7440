"""Weights of a network, and checkpoints: all that a run needs to continue as if it had not stopped.

`checkpoint.h5` holds the arrays `weights/<n>` and `optimizer/<n>` in the order of the Keras variables, or other groups
where a model, such as one with an adversary, has its own `checkpoint_groups`; and the
attributes `epoch` (finished ones), `state` (of the learning rate, JSON) and `identity` (JSON).
"""

import json
import math
from pathlib import Path

import h5py
import keras
import numpy as np

from common.errors import WeightsError
from common.files.atomic import require_space, whole_file
from common.files.hdf5 import whole_hdf5

HDF5_BYTES = 2**14  # that HDF5 itself takes for each array, at most


def write_weights(path: Path, model: keras.Model) -> None:
    """Write a network's weights in Keras' format, whole or not at all, without the state of its optimizer.

    Keras would save that too, which makes the file two or three times as large: only a checkpoint needs it.

    Raises:
        OutputError: no space, or the folder is missing or read-only.
    """
    require_space(path, weights_size(model))
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        with whole_file(path) as temporary:
            model.save_weights(temporary)
    finally:
        model.optimizer = optimizer


def weights_size(model: keras.Model) -> int:
    """Bytes that no file of a model's weights exceeds."""
    return array_bytes(model.variables)


def checkpoint_size(model: keras.Model) -> int:
    """Bytes that no checkpoint of a compiled model exceeds."""
    return sum(array_bytes(variables) for variables in variable_groups(model).values())


def array_bytes(variables: list) -> int:
    """Bytes that variables take in an HDF5 file, at most."""
    sizes = (math.prod(variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables)
    return sum(sizes) + HDF5_BYTES * len(variables)


def write_checkpoint(path: Path, model: keras.Model, epoch: int, state: dict, identity: dict) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        epoch: number of finished epochs.
        state: of the learning rate, plain numbers.
        identity: settings that a run which continues must share.
    """
    with whole_hdf5(path) as file:
        for group, variables in variable_groups(model).items():
            for number, variable in enumerate(variables):
                file[f"{group}/{number}"] = np.asarray(variable)
        file.attrs.update(epoch=epoch, state=json.dumps(state), identity=json.dumps(identity))


def read_checkpoint(path: Path, model: keras.Model, identity: dict) -> tuple[int, dict]:
    """Set a compiled model's weights and its optimizer's variables from a checkpoint.

    Returns:
        Number of finished epochs, and the state of the learning rate.

    Raises:
        WeightsError: the file is missing, damaged, or of another network or other settings; the model is unchanged.
    """
    try:
        with h5py.File(path, "r") as file:
            check_identity(path, json.loads(file.attrs["identity"]), identity)
            values = read_arrays(path, file, variable_groups(model))
            epoch, state = int(file.attrs["epoch"]), json.loads(file.attrs["state"])
    except FileNotFoundError:
        raise WeightsError(f"there is no checkpoint {path}; start the run without --resume.") from None
    except WeightsError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be read: it is cut short or no checkpoint; start a new run.") from error
    for variable, value in values:
        variable.assign(value)
    return epoch, state


def variable_groups(model: keras.Model) -> dict[str, list]:
    """The variables that a checkpoint holds, and that all ranks share."""
    groups = getattr(model, "checkpoint_groups", None)
    return groups or {"weights": model.variables, "optimizer": model.optimizer.variables}


def check_identity(path: Path, found: dict, wanted: dict) -> None:
    """Raise WeightsError unless a checkpoint was made with the wanted settings."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise WeightsError(
                f"{path} was made with {name} {found.get(name)}, this run has {value}; "
                f"resume with the same settings, or start a new run."
            )


def read_arrays(path: Path, file: h5py.File, groups: dict[str, list]) -> list[tuple]:
    """Pairs of variable and value; raises WeightsError where a number or a shape differs."""
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
        for number, variable in enumerate(variables):
            dataset = file[f"{group}/{number}"]
            if dataset.shape != tuple(variable.shape):
                raise WeightsError(
                    f"{path} holds {group} of shape {dataset.shape} where this network has "
                    f"{tuple(variable.shape)}; it belongs to another network."
                )
            pairs.append((variable, dataset[...]))
    return pairs
