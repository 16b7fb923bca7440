"""The networks that `benchmarks/gpu.py` and `roofline.py` measure, with the same weights and data on every Keras backend.

    python -m benchmarks.networks FILE            write the results of TensorFlow on this machine, to compare with
    python -m benchmarks.networks FILE --quick    for the cases of `benchmarks/gpu.py --quick`

This module needs Keras with any backend, h5py and numpy.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from typing import NamedTuple

import h5py
import keras
import numpy as np

from bigearthnet.archive.band_sets import band_statistics
from bigearthnet.archive.groups import group_shapes
from bigearthnet.networks import build as classification
from superres.networks import build as fusion
from superres.networks.catalogue import NETWORKS
from superres.training.losses import pixel_loss

GSD = 20
CLASSES = 19
STEPS = 3  # training steps that are compared
Images = dict[str, np.ndarray]


class Case(NamedTuple):
    """One measurement.

    Attributes:
        network: a fusion network, for 20 m, or a classification network, for all bands of Sentinel-2.
        task: `inference` or `training`.
        size_px: rows and columns of a patch, in 10 m pixels; 120 for classification.
        batch: patches at once.
        compared: whether the results are compared with those of TensorFlow.
    """

    network: str
    task: str
    size_px: int
    batch: int
    compared: bool = False

    @property
    def is_fusion(self) -> bool:
        """Whether the network sharpens bands."""
        return self.network in NETWORKS

    @property
    def key(self) -> str:
        """Name of the results in the file."""
        return f"{self.network}/{self.task}/{self.size_px}px/{self.batch}"


# In the order of their importance.
CASES = (
    Case("dsen2", "inference", 128, 1, compared=True),
    Case("dsen2", "training", 32, 32, compared=True),
    Case("resnet50", "inference", 120, 32, compared=True),
    Case("resnet50", "training", 120, 32, compared=True),
    Case("dsen2", "inference", 512, 16),
    Case("dsen2", "inference", 128, 64),
    Case("dsen2", "training", 32, 512),
    Case("resnet50", "inference", 120, 256),
    Case("resnet50", "training", 120, 256),
    Case("dsen2", "inference", 512, 1),
    Case("lowres", "inference", 512, 16),
    Case("vdsen2", "inference", 128, 1, compared=True),
    Case("vdsen2", "inference", 128, 32),
)
QUICK_CASES = (
    Case("tiny", "inference", 32, 2, compared=True),
    Case("lowres", "inference", 16, 1, compared=True),
    Case("tiny", "training", 16, 2, compared=True),
    Case("small", "training", 120, 2, compared=True),
)


def build_network(name: str, precision: str) -> keras.Model:
    """Return a network with random weights that depend on nothing but its name."""
    if name in NETWORKS:
        model = fusion.build_network(name, GSD, precision)
    else:
        shapes = group_shapes(has_s1=False)
        model = classification.build_network(
            name, shapes, CLASSES, precision=precision, statistics=band_statistics("s2")
        )
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(rng.normal(0, math.prod(variable.shape[:-1]) ** -0.5, variable.shape))
    return model


def random_batch(case: Case) -> tuple[Images, np.ndarray]:
    """Return random inputs of the network of a case, and targets."""
    rng = np.random.default_rng(1)
    if not case.is_fusion:
        shapes = group_shapes(has_s1=False)
        images = {name: rng.integers(1, 4000, (case.batch, *shape), np.uint16) for name, shape in shapes.items()}
        return images, (rng.random((case.batch, CLASSES)) < 0.2).astype(np.float32)
    fine, coarse = (case.batch, case.size_px, case.size_px), (case.batch, case.size_px // 2, case.size_px // 2)
    images = {"input_10m": rng.random((*fine, 4), np.float32), "input_20m": rng.random((*coarse, 6), np.float32)}
    return images, rng.random((*fine, 6), np.float32)


def build_optimizer(case: Case) -> keras.optimizers.Optimizer:
    """Return the optimizer that training has by default."""
    return keras.optimizers.Nadam(1e-4) if case.is_fusion else keras.optimizers.AdamW(1e-3, weight_decay=0.01)


def build_loss(case: Case) -> keras.losses.Loss:
    """Return the loss that training has by default: (targets, outputs) -> scalar."""
    return pixel_loss("l1") if case.is_fusion else keras.losses.BinaryCrossentropy(from_logits=True)


def results(case: Case) -> np.ndarray:
    """Return the outputs of the network in float32, or the losses of the first training steps."""
    model = build_network(case.network, "float32")
    images, targets = random_batch(case)
    if case.task == "inference":
        return np.asarray(model(images, training=False))
    model.compile(build_optimizer(case), build_loss(case), jit_compile=False)
    return np.array([model.train_on_batch(images, targets) for _ in range(STEPS)])


def main(argv: Sequence[str] | None = None) -> int:
    """Write the results of the cases that are compared; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="HDF5 file to write")
    parser.add_argument("--quick", action="store_true", help="write the results of the small cases")
    arguments = parser.parse_args(argv)
    with h5py.File(arguments.file, "w") as file:
        for case in QUICK_CASES if arguments.quick else CASES:
            if case.compared:
                file[case.key] = results(case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
