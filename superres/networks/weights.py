"""Find and load the weights of a fusion network: from a run folder, a file, or by the name of published weights.

Keras is imported inside functions, so that missing weights are told at once.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import WeightsError
from common.files.hdf5 import open_hdf5
from common.files.read_errors import describe_missing
from common.pixels.sentinel2 import Gsd
from common.runs.folder import WEIGHTS
from superres.networks.catalogue import ATTENTION, DEFAULT_UPSAMPLING
from superres.networks.published import PUBLISHED, fetch_published

if TYPE_CHECKING:
    import keras

PUBLISHED_10M_TO_OURS = [2, 1, 0, 3]  # published order B04, B03, B02, B08; ours B02, B03, B04, B08


def find_weights(source: Path | str) -> Path:
    """Return the file that holds the weights.

    Args:
        source: a name of PUBLISHED, which is fetched if it is not in the cache; a run folder; or a file.

    Raises:
        WeightsError: the weights do not exist.
        DownloadError: published weights cannot be fetched.
    """
    if str(source) in PUBLISHED:
        return fetch_published(str(source))
    path = Path(source)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        broken_link = describe_missing(file, "")
        problem = f"the weights {file} {broken_link}" if broken_link else f"there are no weights {file}"
        raise WeightsError(
            f"{problem}; give a run folder, a file of weights, or the name of published weights ({', '.join(PUBLISHED)})."
        )
    return file


def load_weights(model: "keras.Model", source: Path | str, any_name: bool = False) -> None:
    """Set the weights of a model; on an error the model keeps its weights.

    Args:
        model: from `superres.networks.build.build_network`.
        source: as for `find_weights`.
        any_name: accept weights of a network with the same arrays, such as one with another upsampling.

    Raises:
        WeightsError: the file does not exist, is damaged, or holds weights of another network.
        DamagedFileError: the file is not as it was written.
        DownloadError: published weights cannot be fetched.
    """
    from common.networks import weights as keras_weights

    keras_weights.load_weights(model, find_weights(source), read_weights, any_name)


def read_weights(model: "keras.Model", file: Path) -> None:
    """Set the weights of a model from one of our files or from a published file."""
    from common.networks.weights import read_keras_weights

    if is_published(file):
        read_published(model, file)
    else:
        read_keras_weights(model, file)


def load_init_weights(
    model: "keras.Model", network_name: str, gsd: Gsd, source: Path | str, upsample: str = DEFAULT_UPSAMPLING
) -> None:
    """Set the weights that training starts from (`--init-weights`).

    A network with attention also accepts the weights of the same network without attention. Any network accepts the
    weights of the same network with another upsampling.

    Args:
        model: the network `network_name` for `gsd`, from `build_network`.
        network_name: name of the network.
        gsd: native GSD in metres of the bands to sharpen, or JOINT.
        source: as for `find_weights`.
        upsample: upsampling of the network.

    Raises:
        WeightsError, DamagedFileError, DownloadError: as `load_weights`.
    """
    try:
        load_weights(model, source, any_name=True)
    except WeightsError:
        if not network_name.endswith(ATTENTION):
            raise
        from superres.networks.build import build_network

        base_model = build_network(network_name.removesuffix(ATTENTION), gsd, upsample=upsample)
        load_weights(base_model, source, any_name=True)
        for layer in base_model.layers:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def is_published(file: Path) -> bool:
    """Return whether this is a Keras 2 HDF5 file, as the published weights are."""
    with open_hdf5(file) as handle:
        return "model_weights" in handle or "layer_names" in handle.attrs


def read_published(model: "keras.Model", file: Path) -> None:
    """Set the weights of a `dsen2` or `vdsen2` model from a published file.

    Raises:
        WeightsError: the convolutions differ in number or shape.
    """
    import keras

    published = read_published_convolutions(file)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if len(published) != len(layers):
        raise WeightsError(
            f"{file} has {len(published)} convolutions, {model.name} has {len(layers)}; "
            f"give weights of the same network."
        )
    kernel, bias = published[0]
    order = PUBLISHED_10M_TO_OURS + list(range(4, kernel.shape[2]))
    published[0] = (kernel[:, :, order], bias)
    for layer, (kernel, _) in zip(layers, published, strict=True):
        if kernel.shape != layer.kernel.shape:
            raise WeightsError(
                f"{file} has a kernel {kernel.shape} where {model.name} has {tuple(layer.kernel.shape)}; "
                f"give weights for the same GSD."
            )
    for layer, arrays in zip(layers, published, strict=True):
        layer.set_weights(list(arrays))


def read_published_convolutions(file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the kernel and bias of each convolution of a Keras 2 file, ordered by the numbers in the layers' names.

    This uses h5py because `keras.models.load_model` fails on the Python 3.6 bytecode of the file's Lambda layers.
    """
    with open_hdf5(file) as handle:
        layers = handle.get("model_weights", handle)
        convolutions = {}
        for name in layers:
            arrays = [layers[name][weight][...] for weight in layers[name].attrs["weight_names"]]
            if len(arrays) == 2:
                suffix = re.search(r"_(\d+)$", name)  # the first layer is named `conv2d`, without a number
                convolutions[int(suffix.group(1)) if suffix else 0] = (arrays[0], arrays[1])
    return [convolutions[number] for number in sorted(convolutions)]
