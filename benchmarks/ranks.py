"""Training rate of two ranks that share the cores, compared with one process that has all cores.

mpirun -np 2 python -m benchmarks.ranks MODEL BATCH STEPS PRECISION    prints one line of JSON; MODEL is dsen2 or gan
"""

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import Result, run_child
from superres.training.config import SuperresConfig
from superres.training.fit import build_model

BATCH = 32
STEPS = 6
ROUNDS = 3
MODELS = {"dsen2": "DSen2", "gan": "DSen2 and its discriminator"}
GOALS = {"dsen2": "at least 0.95", "gan": "at least 0.91 (a step costs at most 1.1 times as much)"}


def measure(name: str, batch: int, steps: int, precision: str) -> dict:
    """Return the rate of all ranks together, patches/s, for 20 m. The first step is not measured."""
    hvd.init()
    model = build_model(SuperresConfig(tiles="none", model=name, precision=precision))
    rng = np.random.default_rng(hvd.rank())
    shapes = {"input_10m": (32, 32, 4), "input_20m": (16, 16, 6)}
    inputs = {name: tf.constant(rng.random((batch, *shape), np.float32)) for name, shape in shapes.items()}
    target = tf.constant(rng.random((batch, 32, 32, 6), np.float32))
    model.train_on_batch(inputs, target)
    hvd.barrier()
    started = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(inputs, target)
    hvd.barrier()
    return {"rate": hvd.size() * batch * steps / (time.perf_counter() - started)}


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark. Rounds alternate, because other work on the machine may change."""
    arguments = ["-m", "benchmarks.ranks"]
    mpi = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    launch = ["mpirun", "--bind-to", "none", "-np", "2"]
    results = []
    for name, title in MODELS.items():
        one, two = [], []
        for _ in range(ROUNDS):
            one += run_child([sys.executable, *arguments, name, str(BATCH), str(2 * STEPS), precision])
            two += run_child([*launch, sys.executable, *arguments, name, str(BATCH), str(STEPS), precision], **mpi)
        best_one, best_two = (max(measured["rate"] for measured in rounds) for rounds in (one, two))
        where = f"on {os.cpu_count()} cores, {title} 20 m, {precision}, {BATCH} patches a rank"
        results.append(
            Result(
                f"two ranks / one process {where}",
                f"{best_two / best_one:.2f} ({best_two:.1f} / {best_one:.1f} patches/s)",
                GOALS[name],
            )
        )
    return results


if __name__ == "__main__":
    measured = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    if hvd.rank() == 0:
        print(json.dumps(measured))
