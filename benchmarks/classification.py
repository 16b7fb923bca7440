"""Measure how well classification learns a made dataset, and how fast two ranks are compared with one process.

python -m benchmarks.classification learning    train three times on 2,000 made patches (`tests/support/made_patches.py`)
python -m benchmarks.classification ranks       two ranks against one process on the same cores
mpirun -np 2 python -m benchmarks.classification MODEL BATCH STEPS    prints one line of JSON, patches/s
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import Result, run_child
from bigearthnet import train
from bigearthnet.archive.band_sets import band_statistics
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.networks.build import build_network
from common.runs import folder as runs
from tests.support.made_patches import RARE, TWINS, split_names, write_made
from tests.support.tiny_training import command_line

PATCHES = split_names(2000, 600, 1000)
MODEL = "small"
EPOCHS = 6
SHAPES = {"s2_10m": (120, 120, 4), "s2_20m": (60, 60, 6), "s2_60m": (20, 20, 2)}
RANKS_MODEL, BATCH, STEPS, ROUNDS = "resnet50", 8, 3, 2


def train_once(data: Path, folder: Path, **settings: object) -> dict[tuple[str, str], float]:
    """Train, and return (class, metric) -> value for the test patches."""
    options = {
        "data": data,
        "run_dir": folder,
        "model": MODEL,
        "epochs": EPOCHS,
        "batch_size": 32,
        "schedule": "cosine",
        **settings,
    }
    if train.main(command_line(options)):
        sys.exit("training failed")
    return {(row.name, row.metric): row.value for row in read_metrics(folder / runs.METRICS)}


def learning() -> list[Result]:
    """Compare macro F1 with all bands and with RGB, and the scores of a class in 1 % of the patches with two losses."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = write_made(folder / "made.h5", PATCHES)
        s2 = train_once(data, folder / "s2", bands="s2")
        rgb = train_once(data, folder / "rgb", bands="rgb")
        weighted = train_once(data, folder / "weighted", bands="s2", loss="weighted")
    made = f"{MODEL}, {PATCHES.count('train')} made patches, {EPOCHS} epochs"
    twins = [name for pair in TWINS for name in (pair, TWINS[pair][0])]
    return [
        Result(f"macro F1, s2: {made}", f"{s2['all', 'f1_macro']:.3f}", "above 0.9"),
        Result("macro F1, rgb: the same", f"{rgb['all', 'f1_macro']:.3f}", "clearly lower"),
        Result(
            "mean F1 of classes that look the same in RGB, s2 / rgb",
            " / ".join(f"{np.mean([scores[name, 'f1'] for name in twins]):.3f}" for scores in (s2, rgb)),
            "",
        ),
        Result(
            f"class in 1 % of patches ({RARE}), recall / F1 / AP, bce",
            " / ".join(f"{s2[RARE, metric]:.3f}" for metric in ("recall", "f1", "ap")),
            "",
        ),
        Result(
            "the same, weighted loss",
            " / ".join(f"{weighted[RARE, metric]:.3f}" for metric in ("recall", "f1", "ap")),
            "better than bce",
        ),
    ]


def throughput(model_name: str, batch: int, steps: int) -> dict:
    """Return the patches/s of all ranks together, with all bands. A first step is not measured."""
    hvd.init()
    model = build_network(model_name, SHAPES, 19, statistics=band_statistics("s2"))
    model.compile(
        hvd.DistributedOptimizer(keras.optimizers.AdamW(1e-3)),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    rng = np.random.default_rng(hvd.rank())
    images = {name: tf.constant(rng.integers(1, 4000, (batch, *shape), np.uint16)) for name, shape in SHAPES.items()}
    labels = tf.constant((rng.random((batch, 19)) < 0.2).astype(np.float32))
    model.train_on_batch(images, labels)
    hvd.barrier()
    started = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(images, labels)
    hvd.barrier()
    return {"rate": hvd.size() * batch * steps / (time.perf_counter() - started)}


def ranks() -> list[Result]:
    """Compare two ranks with one process on the same cores, in turns. The one process has batches of twice the size."""
    child = ["-m", "benchmarks.classification", RANKS_MODEL]
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    one, two = [], []
    for _ in range(ROUNDS):
        one += run_child([sys.executable, *child, str(2 * BATCH), str(STEPS)])
        two += run_child(["mpirun", "-np", "2", sys.executable, *child, str(BATCH), str(STEPS)], **root)
    best_one, best_two = (max(result["rate"] for result in results) for results in (one, two))
    return [
        Result(
            f"two ranks / one process on {os.cpu_count()} cores, {RANKS_MODEL}, s2, {BATCH} patches a rank",
            f"{best_two / best_one:.2f} ({best_two:.1f} / {best_one:.1f} patches/s)",
            "at least 0.95",
        )
    ]


def run() -> list[Result]:
    """Return the rows of this benchmark."""
    return [*learning(), *ranks()]


if __name__ == "__main__":
    if len(sys.argv) == 4:
        rate = throughput(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        if hvd.rank() == 0:
            print(json.dumps(rate))
    else:
        for row in {"learning": learning, "ranks": ranks}[sys.argv[1]]():
            print(f"| {row.name} | {row.value} | {row.goal} |", flush=True)
