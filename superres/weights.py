"""Load weights into our networks: of our own run folders, or as published with the DSen2 paper's code.

Published files are Keras 2 HDF5 whose Lambda layers no longer load, so the arrays of `model_weights` are read one by
one. Their networks see the 10 m bands as B04, B03, B02, B08; ours as B02, B03, B04, B08.
"""

import re
from pathlib import Path

import h5py
import keras
import numpy as np

from common.errors import WeightsError
from common.run import WEIGHTS

PUBLISHED_10M_TO_OURS = [2, 1, 0, 3]


def load_weights(model: keras.Model, path: Path | str) -> None:
    """Set a network's weights from a file or a run folder.

    Args:
        model: as `superres.networks.build_network` makes it.
        path: `.weights.h5` of this code, published HDF5, or a run folder.

    Raises:
        WeightsError: there is no such file, it is damaged, or of another network.
    """
    path = Path(path)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.exists():
        raise WeightsError(f"there are no weights {file}; give a run folder or a file of weights.")
    try:
        if is_published(file):
            load_published(model, file)
        else:
            model.load_weights(file)
    except WeightsError:
        raise
    except Exception as error:  # Keras and h5py raise many kinds; all mean the same here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{file} does not hold weights of {model.name} ({reason}); give weights of the same "
                           f"network and GSD.") from error


def is_published(file: Path) -> bool:
    """Is this a Keras 2 HDF5 file, as the published weights are?"""
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
        raise WeightsError(f"{file} has {len(published)} convolutions, {model.name} has {len(ours)}; "
                           f"give weights of the same network.")
    kernel, bias = published[0]
    order = PUBLISHED_10M_TO_OURS + list(range(4, kernel.shape[2]))
    published[0] = (kernel[:, :, order], bias)
    for layer, (kernel, bias) in zip(ours, published, strict=True):
        if kernel.shape != layer.kernel.shape:
            raise WeightsError(f"{file} has a kernel {kernel.shape} where {model.name} has {tuple(layer.kernel.shape)}; "
                               f"give weights for the same GSD.")
    for layer, arrays in zip(ours, published, strict=True):
        layer.set_weights(list(arrays))


def published_convolutions(file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each convolution of a Keras 2 file, in the order of the numbers in the layers' names."""
    with h5py.File(file, "r") as handle:
        layers = handle["model_weights"] if "model_weights" in handle else handle
        found = {}
        for name in layers:
            weights = [layers[name][weight][...] for weight in layers[name].attrs["weight_names"]]
            if len(weights) == 2:
                number = re.search(r"_(\d+)$", name)  # the first layer is just `conv2d`
                found[int(number.group(1)) if number else 0] = (weights[0], weights[1])
    return [found[number] for number in sorted(found)]
