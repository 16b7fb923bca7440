"""What a network costs to apply, from the network itself."""

import time

import keras
import numpy as np

from common.pixels.sentinel2 import BANDS_BY_GSD
from superres.prediction.windows import compile_model

SIZE = 12  # pixels of the finest grid that the work is counted over; all networks take multiples of 6


def multiplications_per_pixel(model: keras.Model) -> float:
    """Multiplications, each with an addition, per pixel of the result: of all layers that have a kernel or count their own.

    Args:
        model: as `superres.networks.build.build_network` makes it; nothing is computed.
    """
    finest = {f"input_{gsd}m": SIZE * 10 // gsd for gsd in BANDS_BY_GSD}
    inputs = {
        name: keras.Input((finest[name], finest[name], tensor.shape[-1]), name=name)
        for name, tensor in model.input.items()
    }
    sized = keras.models.clone_model(model, input_tensors=inputs)
    return float(sum(multiplications(layer) * np.prod(layer.output.shape[1:-1]) for layer in sized.layers)) / SIZE**2


def multiplications(layer: keras.layers.Layer) -> int:
    """Multiplications for a pixel of what a layer gives."""
    if hasattr(layer, "multiplications_per_pixel"):
        return layer.multiplications_per_pixel
    return int(np.prod(layer.kernel.shape)) if hasattr(layer, "kernel") else 0


SPEED_PX = 288  # rows and columns of the image that speed is measured on
SPEED_TRIES = 3  # of which the fastest counts: what else the machine does only slows down


def pixels_per_second(model: keras.Model) -> float:
    """Pixels of the result that a network computes in a second: one image that fits the memory, the best of some tries."""
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(0, 2, (*[SPEED_PX * 10 // int(name[len("input_") : -1])] * 2, tensor.shape[-1])).astype(
            np.float32
        )
        for name, tensor in model.input.items()
    }
    predict = compile_model(model)
    predict(inputs)  # the first one builds the graph
    seconds = []
    for _ in range(SPEED_TRIES):
        started = time.perf_counter()
        predict(inputs)
        seconds.append(time.perf_counter() - started)
    return SPEED_PX**2 / min(seconds)
