"""Load the weights of a Keras model, and turn every failure into one line."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

import common.distributed as hvd
from common.errors import WeightsError
from common.files.read_errors import describe_refusal

WeightsReader = Callable[[keras.Model, Path], None]


def read_keras_weights(model: keras.Model, file: Path) -> None:
    """Set the weights of a model from a file that Keras wrote."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the optimizer, whose state only a checkpoint holds
        model.load_weights(file)


def load_weights(model: keras.Model, file: Path, read: WeightsReader = read_keras_weights) -> None:
    """Set the weights of a model from a file.

    Args:
        model: the network that the weights are for.
        file: the file of weights.
        read: sets the model's weights from the file. It may raise anything.

    Raises:
        WeightsError: the file is missing or damaged, is of another network, or holds values that are not finite. The
            model may have changed.
    """
    if not file.exists():
        raise WeightsError(f"there are no weights {file}; give the folder of a run that finished an epoch.")
    try:
        read(model, file)
    except WeightsError:
        raise
    except Exception as error:  # Keras and h5py raise many kinds; all but refusals mean the same here
        if refusal := describe_refusal(error):
            raise WeightsError(f"{file} {refusal}.") from error
        raise WeightsError(
            f"{file} does not hold weights of {model.name} ({_reason(error)}); give weights of the same network, "
            f"trained with the same options."
        ) from error
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise WeightsError(f"{file} holds values that are not finite; give weights of a run that ended well.")


def load_weights_on_all_ranks(model: keras.Model, file: Path) -> None:
    """Read weights on rank 0, and give them to the model of every rank. Every rank must call it.

    Raises:
        WeightsError: as `load_weights`; on all ranks, so that it is reported once.
    """
    hvd.on_rank_zero(lambda: load_weights(model, file))
    hvd.broadcast_variables(model.weights)


def _reason(error: Exception) -> str:
    """Return the first line of an error of Keras or h5py. For arrays of another shape, return both shapes."""
    shapes = re.search(r"variable\.shape=(\([^)]*\)), Received: value\.shape=(\([^)]*\))", str(error))
    if shapes:
        return f"an array {shapes[2]} where the network has {shapes[1]}"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
