"""Find and load the weights of a fusion network: a run folder, a file, or the name of published weights."""

import re
from pathlib import Path

import h5py
import keras
import numpy as np

from common.errors import WeightsError
from common.networks.weights import load_weights as set_weights
from common.networks.weights import read_keras_weights
from common.runs.folder import WEIGHTS
from superres.networks.build import build_network
from superres.networks.catalogue import ATTENTION, DEFAULT_UPSAMPLING
from superres.networks.published import PUBLISHED, fetch_published

PUBLISHED_10M_TO_OURS = [2, 1, 0, 3]  # published order B04, B03, B02, B08; ours B02, B03, B04, B08


def find_weights(source: Path | str) -> Path:
    """Return the file that holds the weights.

    Args:
        source: a name of PUBLISHED, fetched if it is not in the cache; a run folder; or a file.

    Raises:
        WeightsError: there are no such weights.
        DownloadError: published weights cannot be fetched.
    """
    if str(source) in PUBLISHED:
        return fetch_published(str(source))
    path = Path(source)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.exists():
        raise WeightsError(
            f"there are no weights {file}; give a run folder or a file of weights. Published ones are "
            f"{', '.join(PUBLISHED)}."
        )
    return file


def load_weights(model: keras.Model, source: Path | str) -> None:
    """Set the weights of a model.

    Args:
        model: as `superres.networks.build.build_network` makes it.
        source: as for `find_weights`.

    Raises:
        WeightsError: there is no such file, it is damaged, or it is of another network.
        DownloadError: published weights cannot be fetched.
    """
    set_weights(model, find_weights(source), read_weights)


def read_weights(model: keras.Model, file: Path) -> None:
    """Set the weights of a model from a file of ours, or from a published one."""
    (load_published if is_published(file) else read_keras_weights)(model, file)


def start_from(model: keras.Model, name: str, gsd: int, source: Path | str, upsample: str = DEFAULT_UPSAMPLING) -> None:
    """Set the weights that training starts from.

    A network with attention also takes the weights of the network without.

    Args:
        model: the network `name` for `gsd`, as `build_network` makes it.
        source: as for `find_weights`.

    Raises:
        WeightsError, DownloadError: as `load_weights`.
    """
    try:
        load_weights(model, source)
    except WeightsError:
        if not name.endswith(ATTENTION):
            raise
        base = build_network(name.removesuffix(ATTENTION), gsd, upsample=upsample)
        load_weights(base, source)
        for layer in base.layers:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def is_published(file: Path) -> bool:
    """Return whether this is a Keras 2 HDF5 file, as the published weights are."""
    with h5py.File(file, "r") as handle:
        return "model_weights" in handle or "layer_names" in handle.attrs


def load_published(model: keras.Model, file: Path) -> None:
    """Set the weights of `dsen2` or `vdsen2` from a published file.

    Raises:
        WeightsError: number or shapes of the convolutions differ.
    """
    published = published_convolutions(file)
    ours = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if len(published) != len(ours):
        raise WeightsError(
            f"{file} has {len(published)} convolutions, {model.name} has {len(ours)}; give weights of the same network."
        )
    kernel, bias = published[0]
    order = PUBLISHED_10M_TO_OURS + list(range(4, kernel.shape[2]))
    published[0] = (kernel[:, :, order], bias)
    for layer, (kernel, _) in zip(ours, published, strict=True):
        if kernel.shape != layer.kernel.shape:
            raise WeightsError(
                f"{file} has a kernel {kernel.shape} where {model.name} has {tuple(layer.kernel.shape)}; "
                f"give weights for the same GSD."
            )
    for layer, arrays in zip(ours, published, strict=True):
        layer.set_weights(list(arrays))


def published_convolutions(file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read kernel and bias of each convolution of a Keras 2 file, in the order of the numbers in the layers' names.

    Read with h5py: `keras.models.load_model` fails on the bytecode that Python 3.6 wrote for the file's Lambda layers.
    """
    with h5py.File(file, "r") as handle:
        layers = handle.get("model_weights", handle)
        convolutions = {}
        for name in layers:
            arrays = [layers[name][weight][...] for weight in layers[name].attrs["weight_names"]]
            if len(arrays) == 2:
                suffix = re.search(r"_(\d+)$", name)  # the first layer is just `conv2d`
                convolutions[int(suffix.group(1)) if suffix else 0] = (arrays[0], arrays[1])
    return [convolutions[index] for index in sorted(convolutions)]
