"""The cost of applying a network: multiplications for a pixel, and pixels in a second."""

import time

import keras
import numpy as np

from common.networks.work import multiplications, with_sizes
from superres.prediction.windows import compile_model

COUNTED_PX = 12  # side of the image that multiplications are counted for, in 10 m pixels; networks take multiples of 6
TIMED_PX = 288  # side of the image that speed is measured with, in 10 m pixels
TIMED_RUNS = 3  # the fastest one counts, because other work on the machine only slows a run down


def multiplications_per_pixel(model: keras.Model) -> float:
    """Count the multiplications, each with an addition, for one pixel of the result; compute nothing.

    Args:
        model: a fusion network, from `superres.networks.build.build_network`.
    """
    shapes = {name: (*input_shape(name, COUNTED_PX), tensor.shape[-1]) for name, tensor in model.input.items()}
    return multiplications(with_sizes(model, shapes)) / COUNTED_PX**2


def pixels_per_second(model: keras.Model) -> float:
    """Measure how many pixels of the result a network computes in a second, on one image of TIMED_PX x TIMED_PX pixels.

    Args:
        model: a fusion network, from `superres.networks.build.build_network`.
    """
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(0, 2, (*input_shape(name, TIMED_PX), tensor.shape[-1])).astype(np.float32)
        for name, tensor in model.input.items()
    }
    predict = compile_model(model)
    predict(inputs)  # the first call builds the graph
    seconds = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        predict(inputs)
        seconds.append(time.perf_counter() - started)
    return TIMED_PX**2 / min(seconds)


def input_shape(input_name: str, side_px: int) -> tuple[int, int]:
    """Return rows and columns of an input such as `input_20m`, for a result of side_px x side_px pixels."""
    gsd = int(input_name.removeprefix("input_").removesuffix("m"))
    return side_px * 10 // gsd, side_px * 10 // gsd
