"""Training rate of two ranks that share the cores, compared with one process that has all cores, and cost of an average.

mpirun -np 2 python -m benchmarks.ranks MODEL BATCH STEPS PRECISION    prints one line of JSON; MODEL is one of MODELS
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import Result, run_child, seconds
from bigearthnet.archive.band_sets import band_statistics
from bigearthnet.networks.build import build_network
from bigearthnet.training.config import BigEarthNetConfig
from common.training.optimizer import build_optimizer, compile_model
from superres.training.config import SuperresConfig
from superres.training.fit import build_model
from tests.support.launcher import MPIRUN_ANYWHERE

BATCH = 32
ROUNDS = 3
AVERAGES = 5
MODELS = {"dsen2": "DSen2 20 m", "gan": "DSen2 20 m and its discriminator", "resnet50": "ResNet50 s2"}
STEPS = {"dsen2": 6, "gan": 6, "resnet50": 5}  # of each rank
FIRST_STEPS = 2  # they build the graph, and what joins the ranks prepares its buffers
GOALS = {
    "dsen2": "at least 0.98",
    "gan": "at least 0.91 (a step costs at most 1.1 times as much)",
    "resnet50": "at least 0.98",
}
FUSION_SHAPES = {"input_10m": (32, 32, 4), "input_20m": (16, 16, 6)}
CLASSIFICATION_SHAPES = {"s2_10m": (120, 120, 4), "s2_20m": (60, 60, 6), "s2_60m": (20, 20, 2)}


def fusion_step(name: str, batch: int, precision: str, rng: np.random.Generator) -> tuple[keras.Model, Any, Any]:
    """Return a compiled model of superres, a batch of inputs, and its target."""
    model = build_model(SuperresConfig(tiles="none", model=name, precision=precision))
    inputs = {name: tf.constant(rng.random((batch, *shape), np.float32)) for name, shape in FUSION_SHAPES.items()}
    return model, inputs, tf.constant(rng.random((batch, 32, 32, 6), np.float32))


def classification_step(
    name: str, batch: int, precision: str, rng: np.random.Generator
) -> tuple[keras.Model, Any, Any]:
    """Return a compiled model of bigearthnet, a batch of images, and its labels."""
    config = BigEarthNetConfig(data="none", model=name, precision=precision)
    statistics = band_statistics(config.bands)
    model = build_network(name, CLASSIFICATION_SHAPES, 19, precision=precision, statistics=statistics)
    compile_model(model, build_optimizer(config), keras.losses.BinaryCrossentropy(from_logits=True), precision)
    images = {
        name: tf.constant(rng.integers(1, 4000, (batch, *shape), np.uint16))
        for name, shape in CLASSIFICATION_SHAPES.items()
    }
    return model, images, tf.constant((rng.random((batch, 19)) < 0.2).astype(np.float32))


def measure(name: str, batch: int, steps: int, precision: str) -> dict:
    """Return the rate of all ranks together, patches/s, and the seconds of a step and of an average of its gradients.

    The first steps are not measured. The fastest average counts.
    """
    hvd.init()
    prepare = classification_step if name == "resnet50" else fusion_step
    model, inputs, target = prepare(name, batch, precision, np.random.default_rng(hvd.rank()))
    for _ in range(FIRST_STEPS):
        model.train_on_batch(inputs, target)

    def take_steps() -> None:
        hvd.barrier()
        for _ in range(steps):
            model.train_on_batch(inputs, target)
        hvd.barrier()

    step_s = seconds(take_steps) / steps
    return {"rate": hvd.size() * batch / step_s, "step_s": step_s, "average_s": average_seconds(model)}


def average_seconds(model: keras.Model) -> float:
    """Return the seconds of the fastest average of tensors like the gradients of a model; 0 for one rank."""
    if hvd.size() == 1:
        return 0.0
    gradients = [tf.identity(variable.value) for variable in model.trainable_variables]
    average = tf.function(lambda tensors: hvd.average_gradients(tensors, "float32"))

    def average_once() -> None:
        average(gradients)[0].numpy()
        hvd.barrier()

    average_once()
    return min(seconds(average_once) for _ in range(AVERAGES))


def run(precision: str) -> Iterator[Result]:
    """Yield the rows of this benchmark, those of each model when it has been measured."""
    for name in MODELS:
        yield from compare(name, precision)


def compare(name: str, precision: str) -> list[Result]:
    """Compare one process with two ranks of each backend. Rounds alternate, because other work on the machine may change."""
    child = [sys.executable, "-m", "benchmarks.ranks", name, str(BATCH)]
    launch = ["mpirun", "--bind-to", "none", "-np", "2"]
    one: list[dict] = []
    two: dict[str, list[dict]] = {backend: [] for backend in hvd.installed_backends()}
    for _ in range(ROUNDS):
        one += run_child([*child, str(2 * STEPS[name]), precision])
        for backend, measured in two.items():
            measured += run_child(
                [*launch, *child, str(STEPS[name]), precision], JEOPARDA_BACKEND=backend, **MPIRUN_ANYWHERE
            )
    return [row for backend, measured in two.items() for row in rows(name, precision, backend, one, measured)]


def rows(name: str, precision: str, backend: str, one: list[dict], two: list[dict]) -> list[Result]:
    """Return the rows of one model and backend, from the rounds of one process and of two ranks."""
    best_one, best_two = (max(rounds, key=lambda measured: measured["rate"]) for rounds in (one, two))
    average_s = min(measured["average_s"] for measured in two)
    where = f"{backend}, {MODELS[name]}, {precision}, {BATCH} patches a rank"
    rates = f"{best_two['rate']:.1f} / {best_one['rate']:.1f} patches/s"
    return [
        Result(
            f"two ranks / one process on {os.cpu_count()} cores, {where}",
            f"{best_two['rate'] / best_one['rate']:.2f} ({rates})",
            GOALS[name],
        ),
        Result(
            f"an average / a step, {where}",
            f"{average_s / best_two['step_s']:.1%} ({average_s:.3f} / {best_two['step_s']:.2f} s)",
            "at most 5 %",
        ),
    ]


if __name__ == "__main__":
    measured = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    if hvd.rank() == 0:
        print(json.dumps(measured))
