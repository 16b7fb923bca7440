"""Checkpoints, from which a run continues as if it had not stopped.

`checkpoint.h5` holds the arrays `weights/<n>` and `optimizer/<n>` in the order of the Keras variables. A model with an
attribute `checkpoint_groups`, such as one with an adversary, has these groups instead. Attributes: `epoch` (number of
finished epochs), `state` (of the learning rate, JSON) and `identity` (JSON).
"""

import json
from pathlib import Path

import h5py
import keras
import numpy as np

from common.errors import WeightsError
from common.files.hdf5 import open_hdf5, whole_hdf5
from common.files.read_errors import describe_refusal
from common.networks.weights import array_bytes


def checkpoint_size(model: keras.Model) -> int:
    """Return the largest size of a checkpoint of a compiled model, in bytes."""
    return sum(array_bytes(variables) for variables in variable_groups(model).values())


def write_checkpoint(path: Path, model: keras.Model, epoch: int, state: dict, identity: dict) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file.
        model: a compiled model, its optimizer built.
        epoch: number of finished epochs.
        state: state of the learning rate, plain numbers.
        identity: settings that a run must share to continue from this checkpoint, for JSON.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    with whole_hdf5(path) as file:
        for group, variables in variable_groups(model).items():
            for index, variable in enumerate(variables):
                file[f"{group}/{index}"] = np.asarray(variable)
        file.attrs.update(epoch=epoch, state=json.dumps(state), identity=json.dumps(identity))


def read_checkpoint(path: Path, model: keras.Model, identity: dict) -> tuple[int, dict]:
    """Set the weights of a compiled model and the variables of its optimizer from a checkpoint.

    Args:
        path: the file.
        model: a compiled model, its optimizer built.
        identity: settings that the checkpoint must share, for JSON.

    Returns:
        Number of finished epochs, and the state of the learning rate.

    Raises:
        WeightsError: the file is missing, damaged, or of another network or other settings. The model is unchanged.
    """
    try:
        with open_hdf5(path) as file:
            check_identity(path, json.loads(file.attrs["identity"]), identity)
            values = read_arrays(path, file, variable_groups(model))
            epoch, state = int(file.attrs["epoch"]), json.loads(file.attrs["state"])
    except FileNotFoundError:
        raise WeightsError(f"there is no checkpoint {path}; start the run without --resume.") from None
    except WeightsError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = describe_refusal(error) or "is cut short, or is no checkpoint; restore it, or start a new run"
        raise WeightsError(f"{path} {reason}.") from error
    for variable, value in values:
        variable.assign(value)
    return epoch, state


def variable_groups(model: keras.Model) -> dict[str, list]:
    """Return the variables that a checkpoint holds and that are equal on all ranks, by group."""
    groups = getattr(model, "checkpoint_groups", None)
    return groups or {"weights": model.variables, "optimizer": model.optimizer.variables}


def check_identity(path: Path, stored: dict, wanted: dict) -> None:
    """Raise WeightsError unless a checkpoint was made with the wanted settings."""
    for name, value in wanted.items():
        if stored.get(name) != value:
            raise WeightsError(
                f"{path} was made with {name} {stored.get(name)}, this run has {value}; "
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
