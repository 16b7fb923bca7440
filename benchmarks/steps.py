"""Where the time of a training step goes, measured in the training loop of the applications.

mpirun -np N python -m benchmarks.steps superres|bigearthnet OPTION...    options of train.py; rank 0 prints lines of JSON

A training runs twice: as it is, and with clocks in the graph of its step. Clocks follow these events, on each rank:

    begin -> input -> gradients -> all ranks are there -> averaged -> updated -> begin of the next step

A barrier before the average, which the training does not have otherwise, tells waiting from averaging. So parts come from the
second run, and the rate from the first one; both step times are printed, which shows what the clocks cost.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import PARTS

WARM_UP = 2  # steps that are left out: TensorFlow builds its graph, and reads ahead


class StepClock(keras.callbacks.Callback):
    """The beginnings of all steps, by the clock of this machine.

    Attributes:
        begins: seconds of each step's begin; the last one is the end of the last step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begins: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0:
            self.begins = []
        self.begins.append(time.time())

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.begins.append(time.time())

    def attach(self, model: keras.Model) -> None:
        """Change the step of a model before its graph is built."""

    def result(self) -> dict[str, float]:
        """Return the mean seconds of a step."""
        return {"step": float(np.mean(np.diff(self.begins)[WARM_UP:]))}


class PartClock(StepClock):
    """The times of all events in a step.

    Attributes:
        events: for each step, the seconds of `input` to `updated`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: list[np.ndarray] = []
        self._times = [tf.Variable(0.0, dtype=tf.float64, trainable=False) for _ in PARTS[1:]]
        self._zero = tf.Variable(0.0, trainable=False)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0:
            self.events = []
        super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.events.append(np.array([variable.numpy() for variable in self._times]))

    def attach(self, model: keras.Model) -> None:
        step, apply = model.train_step, model.optimizer.apply

        def timed_step(data: Any) -> Any:
            self._note(0, tf.nest.flatten(data))
            return step(data)

        def timed_apply(grads: Sequence, variables: Sequence | None = None) -> None:
            grads = list(grads)
            for event in (1, 2, 3):  # one rank neither waits nor averages
                self._note(event, [gradient for gradient in grads if gradient is not None])
            apply(grads, variables)
            handles = [variable.value.handle for variable in model.trainable_variables]
            self._note(
                4, [tf.raw_ops.VarIsInitializedOp(resource=handle) for handle in handles]
            )  # reads what was written

        model.train_step, model.optimizer.apply = timed_step, timed_apply
        if hvd.size() > 1:
            model.optimizer.average_gradients = self.timed_average(model.optimizer.average_gradients)

    def timed_average(self, average: Callable[[Sequence], list]) -> Callable[[Sequence], list]:
        """Return a function that averages gradients over ranks, with clocks."""

        def timed(gradients: Sequence) -> list:
            with tf.control_dependencies(gradients):
                zero = hvd.allreduce_average(tf.identity(self._zero))
            # TensorFlow removes an average whose result nobody reads; this reads it.
            waited = self._note(2, [zero], add=tf.cast(zero, tf.float64))
            with tf.control_dependencies([waited]):
                averaged = average([tf.identity(gradient) for gradient in gradients])
            self._note(3, averaged)
            return averaged

        return timed

    def _note(self, event: int, after: Sequence, add: tf.Tensor | float = 0.0) -> tf.Tensor:
        """Note the time when all these tensors are there."""
        with tf.control_dependencies(after):
            return self._times[event].assign(tf.timestamp() + add)

    def result(self) -> dict[str, float]:
        """Return the mean seconds of a step and of its parts over all ranks, and the spread of the time to compute."""
        begins = np.array(self.begins)
        times = np.column_stack([begins[:-1], np.array(self.events), begins[1:]])
        parts = np.diff(times, axis=1)[WARM_UP:]
        of_ranks = np.array(hvd.allgather_object(parts))  # (ranks, steps, parts)
        compute = of_ranks[..., PARTS.index("compute")]
        spread = float(np.mean(compute.std(axis=1) / compute.mean(axis=1)))
        means = dict(zip(PARTS, of_ranks.mean(axis=(0, 1)).tolist(), strict=True))
        return {**means, "step": float(of_ranks.sum(axis=2).mean()), "spread": spread}


@contextmanager
def watched(clock: StepClock) -> Iterator[None]:
    """Let a clock watch the trainings in this block."""
    original = keras.Model.fit

    def fit(model: keras.Model, *arguments: Any, callbacks: keras.callbacks.CallbackList, **options: Any) -> Any:
        clock.attach(model)
        callbacks.callbacks.insert(0, clock)  # first, so that no other callback counts as input
        return original(model, *arguments, callbacks=callbacks, **options)

    with patch.object(keras.Model, "fit", fit):
        yield


def measure(train: Callable[[list[str]], int], options: Sequence[str], run_dir: str) -> dict[str, Any]:
    """Train twice, and return seconds: the step as it is, the step with clocks, and the parts of the latter.

    Args:
        train: the `main` of an application's `train.py`.
        options: its options, without the run folder.
        run_dir: a new folder, whose name is that of the first run.
    """
    hvd.init()
    results = {}
    for name, clock in (("plain", StepClock()), ("clocks", PartClock())):
        with watched(clock):
            if train([*options, "--run-dir", f"{run_dir}-{name}", "--log-level", "WARNING"]):
                raise SystemExit("training failed")
        results[name] = clock.result()
    cores = sum(hvd.allgather_object(hvd.cores_per_rank()))
    return {"step": results["plain"]["step"], "clocks": results["clocks"], "ranks": hvd.size(), "cores": cores}


def main() -> None:
    """Measure the training that the command line names."""
    application, run_dir, *options = sys.argv[1:]
    if application == "bigearthnet":
        from bigearthnet.train import main as train
    else:
        from superres.train import main as train
    if application == "tiny":
        from superres.networks.catalogue import NETWORKS
        from tests.support.tiny_training import tiny_network

        NETWORKS["dsen2"] = tiny_network()
    measured = measure(train, options, run_dir)
    if hvd.rank() == 0:
        print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
