"""The cost of applying a classifier: multiplications for a patch, and patches in a second."""

import time
from typing import NamedTuple

import keras
import numpy as np

from bigearthnet.prediction.probabilities import class_probabilities
from common.networks.work import multiplications

TIMED_PATCHES = 16  # in one batch
TIMED_RUNS = 3  # the fastest one counts, because other work on the machine only slows a run down


class Cost(NamedTuple):
    """The cost of a classifier.

    Attributes:
        parameters: number of weights.
        work_per_patch: multiplications, each with an addition.
        patches_per_second: on this rank, in batches of TIMED_PATCHES.
    """

    parameters: int
    work_per_patch: int
    patches_per_second: float


def measure_cost(model: keras.Model) -> Cost:
    """Return the cost of a network from `bigearthnet.networks.build.build_network`, whose images have known sizes."""
    return Cost(model.count_params(), multiplications(model), patches_per_second(model))


def patches_per_second(model: keras.Model) -> float:
    """Measure how many patches a network labels in a second. All pixels are 1000 DN, or -10 dB."""
    images = {
        name: np.full(
            (TIMED_PATCHES, *tensor.shape[1:]),
            -10 if name == "s1" else 1000,
            keras.backend.standardize_dtype(tensor.dtype),
        )
        for name, tensor in model.input.items()
    }
    class_probabilities(model, images)  # the first call builds the graph
    seconds = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        np.asarray(class_probabilities(model, images))
        seconds.append(time.perf_counter() - started)
    return TIMED_PATCHES / min(seconds)
