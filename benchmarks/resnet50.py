"""A training step of ResNet50 and its first step, compared with Keras' own batch normalisation and optimizer.

python -m benchmarks.resnet50 PRECISION    prints one line of JSON

Both networks are in one process and take turns. Set `TF_ENABLE_ONEDNN_OPTS` to 0 or 1 to see what oneDNN does to both.
"""

import json
import os
import sys
import time

import keras

from benchmarks.measure import Result, best_of_turns, run_child
from benchmarks.networks import Case, build_loss, build_network, random_batch
from benchmarks.networks import build_optimizer as keras_optimizer
from bigearthnet.training.config import BigEarthNetConfig
from common.networks.batch_normalization import BatchNormalization
from common.networks.precision import has_bfloat16
from common.training.optimizer import build_optimizer, compile_model

CASE = Case("resnet50", "training", 120, 16)
ROUNDS = 3
OURS, KERAS = "ours", "Keras'"


def build(kind: str, precision: str) -> keras.Model:
    """Return ResNet50, ready to train: with our batch normalisation and optimizer, or with those of Keras."""
    model = build_network(CASE.network, precision)
    optimizer = build_optimizer(BigEarthNetConfig(data="none"))
    if kind == KERAS:
        undo(model)
        optimizer = keras_optimizer(CASE)
    compile_model(model, optimizer, build_loss(CASE), precision)
    return model


def undo(model: keras.Model) -> None:
    """Make the batch normalisations of a model those of Keras."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            undo(layer)
        elif type(layer) is BatchNormalization:
            layer.__class__ = keras.layers.BatchNormalization


def measure(precision: str) -> dict[str, dict[str, float]]:
    """Return kind -> processor seconds of its first step, and best seconds and processor seconds of further ones."""
    images, targets = random_batch(CASE)
    models = {kind: build(kind, precision) for kind in (KERAS, OURS)}
    first = {}
    for kind, model in models.items():
        started = time.process_time()
        model.train_on_batch(images, targets)
        first[kind] = time.process_time() - started
    ways = {kind: lambda model=model: model.train_on_batch(images, targets) for kind, model in models.items()}
    spent = best_of_turns(ways, ROUNDS)
    return {kind: {"first": first[kind], **spent[kind]._asdict()} for kind in models}


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    if precision == "bfloat16" and not has_bfloat16():
        return [Result("ResNet50 in bfloat16", "not measured: this processor has no bfloat16", "")]
    measured = run_child([sys.executable, "-m", "benchmarks.resnet50", precision])[0]
    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "not set")
    case = f"{precision}, batch {CASE.batch}, TF_ENABLE_ONEDNN_OPTS {onednn}"
    titles = {
        "processor_seconds": (
            "training step of ResNet50, Keras' layers / ours, processor time",
            "at least 1.3 in bfloat16",
        ),
        "seconds": ("the same, wall time", ""),
        "first": ("first step, which builds the graph, processor time", ""),
    }
    return [
        Result(
            f"{title}, {case}",
            f"{measured[KERAS][name] / measured[OURS][name]:.2f} ({measured[KERAS][name]:.2f} / {measured[OURS][name]:.2f} s)",
            goal,
        )
        for name, (title, goal) in titles.items()
    ]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
