"""Write and load the weights of a Keras model. A file that is damaged, or of another network, is an error in one line.

A file that `write_weights` wrote has two attributes besides Keras' arrays: `network`, the name of the model, and `seal`
(`common/files/seal.py`). Keras alone reads it too. Files without them, such as those of older versions, load as well.
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

import common.distributed as hvd
from common.errors import S2Error, WeightsError
from common.files.atomic import require_space, whole_file
from common.files.hdf5 import image_names, open_hdf5
from common.files.read_errors import describe_missing, describe_refusal
from common.files.seal import require_seal, seal

ENDING = ".weights.h5"  # of files of Keras 3; files of Keras 2, with an attribute layer_names, have other names
NETWORK = "network"  # attribute with the name of the model
OPTIMIZER = "optimizer/"  # name of a group of Keras; layers are in groups of others
HDF5_BYTES = 2**14  # most bytes that HDF5 and the seal add to each array

WeightsReader = Callable[[keras.Model, Path], None]


def write_weights(path: Path, model: keras.Model) -> None:
    """Write the weights of a model in Keras' format, whole or not at all, without the state of its optimizer.

    Keras would save that state too, and the file would be two or three times as large. Only a checkpoint needs it.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    require_space(path, weights_size(model))
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        with whole_file(path) as temporary:
            model.save_weights(temporary)
            with open_hdf5(temporary, "r+") as file:
                file.attrs[NETWORK] = model.name
                seal(file)
    finally:
        model.optimizer = optimizer


def weights_size(model: keras.Model) -> int:
    """Return the largest size of a file of a model's weights, in bytes."""
    return array_bytes(model.variables)


def array_bytes(variables: Sequence) -> int:
    """Return the largest size of variables in an HDF5 file, in bytes."""
    sizes = (math.prod(variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables)
    return sum(sizes) + HDF5_BYTES * len(variables)


def read_keras_weights(model: keras.Model, file: Path) -> None:
    """Set the weights of a model from a file that Keras wrote, which must hold these arrays and no others.

    Raises:
        WeightsError: the number or the shapes of the arrays differ, or Keras would take the file for one of Keras 2.
        Exception: as Keras raises, if the file does not have the names of the layers or cannot be read.
    """
    with open_hdf5(file) as handle:
        require_arrays(model, file, stored_shapes(handle))
        if not file.name.endswith(ENDING) and "layer_names" not in handle.attrs:
            raise WeightsError(
                f"the name of {file} does not end in {ENDING}, by which Keras knows its format; rename it."
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "Skipping")  # of layers that Keras would leave as they are
        warnings.filterwarnings(
            "ignore", "Skipping variable loading for optimizer"
        )  # only a checkpoint holds its state
        model.load_weights(file)


def stored_shapes(handle: h5py.File) -> list[tuple[int, ...]]:
    """Return the shape of each array of the network in a file. Keras may have saved the state of an optimizer beside them."""
    shapes = []

    def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(OPTIMIZER):
            shapes.append(item.shape)

    handle.visititems(collect)
    return shapes


def require_arrays(model: keras.Model, file: Path, stored: Sequence[tuple[int, ...]]) -> None:
    """Raise WeightsError unless a file holds as many arrays as a model, of the same shapes.

    Keras itself leaves out arrays of a larger network without a word.
    """
    # Keras saves no state of random numbers, such as that of a dropout, which `model.variables` holds too.
    wanted = Counter(tuple(variable.shape) for variable in model.weights)
    reason = ""
    if len(stored) != wanted.total():
        reason = f"{len(stored)} arrays where the network has {wanted.total()}"
    elif others := Counter(stored) - wanted:
        reason = f"an array {next(iter(others))} where the network has {next(iter(wanted - Counter(stored)))}"
    if reason:
        raise _other_network(model, file, reason)


def load_weights(
    model: keras.Model, file: Path, read: WeightsReader = read_keras_weights, any_name: bool = False
) -> None:
    """Set the weights of a model from a file.

    Args:
        model: the network that the weights are for.
        file: the file of weights.
        read: sets the model's weights from the file. It may raise anything.
        any_name: accept weights that were written under another name of a network.

    Raises:
        WeightsError: the file is missing or damaged, is of another network, or holds values that are not finite. The
            model may have changed.
        DamagedFileError: the file is not as it was written.
    """
    if not file.is_file():
        reason = describe_missing(file, "do not exist")
        raise WeightsError(f"the weights {file} {reason}; give the folder of a run that finished an epoch.")
    try:
        with open_hdf5(file) as handle:
            images = image_names(handle)  # of a patch file: it is whole, but holds no weights
            require_seal(file, handle, "restore it, or train again", images)
            name = handle.attrs.get(NETWORK, model.name)
        if name != model.name and not any_name:
            raise _other_network(model, file, f"but of {name}")
        read(model, file)
    except S2Error:
        raise
    except Exception as error:  # Keras and h5py raise many kinds; all but refusals mean the same here
        if refusal := describe_refusal(error):
            raise WeightsError(f"{file} {refusal}.") from error
        if "truncated file" in str(error) or not file.stat().st_size:
            raise WeightsError(f"{file} is cut short; restore it, or train again.") from error
        raise _other_network(model, file, _reason(error)) from error
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise WeightsError(f"{file} holds values that are not finite; give weights of a run that ended well.")


def load_weights_on_all_ranks(model: keras.Model, file: Path) -> None:
    """Read weights on rank 0, and give them to the model of every rank. Every rank must call it.

    Raises:
        WeightsError, DamagedFileError: as `load_weights`; on all ranks, so that it is reported once.
    """
    hvd.on_rank_zero(lambda: load_weights(model, file))
    hvd.broadcast_variables(model.weights)


def _other_network(model: keras.Model, file: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{file} does not hold weights of {model.name} ({reason}); give weights of the same network, trained with the same "
        f"options and version of JEOPARDA."
    )


def _reason(error: Exception) -> str:
    """Return the first line of an error of Keras or h5py; in words of ours for other files and arrays of another shape."""
    if "file signature not found" in str(error):
        return "it is no HDF5 file"
    shapes = re.search(r"variable\.shape=(\([^)]*\)), Received: value\.shape=(\([^)]*\))", str(error))
    if shapes:
        return f"an array {shapes[2]} where the network has {shapes[1]}"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
