"""What a network costs to apply, from the network itself."""

import keras
import numpy as np

from common.sentinel2 import BANDS_BY_GSD

SIZE = 12  # pixels of the finest grid that the work is counted over; all networks take multiples of 6


def work_per_pixel(model: keras.Model) -> float:
    """Multiplications, each with an addition, per pixel of the result: of all layers that have a kernel or count their own.

    Args:
        model: as `superres.networks.build_network` makes it; nothing is computed.
    """
    finest = {f"input_{gsd}m": SIZE * 10 // gsd for gsd in BANDS_BY_GSD}
    inputs = {
        name: keras.Input((finest[name], finest[name], tensor.shape[-1]), name=name)
        for name, tensor in model.input.items()
    }
    sized = keras.models.clone_model(model, input_tensors=inputs)
    return float(sum(work(layer) * np.prod(layer.output.shape[1:-1]) for layer in sized.layers)) / SIZE**2


def work(layer: keras.layers.Layer) -> int:
    """Multiplications for a pixel of what a layer gives."""
    if hasattr(layer, "work"):
        return layer.work
    return int(np.prod(layer.kernel.shape)) if hasattr(layer, "kernel") else 0
