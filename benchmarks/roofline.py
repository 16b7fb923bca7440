"""The peak of this machine, and the share of it that each network reaches, in inference and in training.

    python -m benchmarks.roofline PRECISION    prints one line of JSON

The peak of arithmetic is that of TensorFlow's product of two large matrices, in the same precision, and the peak of memory
that of NumPy's copy of a large array by one thread. A network's work follows from its layers (`common/networks/work.py`);
a training step counts three times, for the outputs and for the gradients of inputs and weights. All take turns.
"""

import json
import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.gpu_networks import Case, build_loss, build_network, build_optimizer, random_batch
from benchmarks.measure import Result, best_of_turns, run_child
from common.networks.precision import has_bfloat16
from common.networks.work import multiplications, with_sizes
from common.training.optimizer import compile_model

SIDE = 2048  # rows of the matrices
COPIED_BYTES = 2**28
ROUNDS = 3
CASES = (
    Case("dsen2", "inference", 288, 1),
    Case("lowres", "inference", 288, 1),
    Case("vdsen2", "inference", 96, 1),
    Case("resnet50", "inference", 120, 16),
    Case("dsen2", "training", 32, 32),
    Case("lowres", "training", 32, 32),
    Case("resnet50", "training", 120, 16),
)
PRODUCT, COPY = "product", "copy"
INT8 = "not measured: TensorFlow has no product of int8, and no network here computes in it"


def matrix_product(precision: str) -> Callable[[], np.ndarray]:
    """Return a function that multiplies two matrices."""
    rng = np.random.default_rng(0)
    one, other = (tf.cast(tf.constant(rng.random((SIDE, SIDE), np.float32)), precision) for _ in range(2))

    @tf.function
    def product() -> tf.Tensor:
        return tf.reduce_max(tf.matmul(one, other))  # brings one number out instead of a matrix

    return lambda: product().numpy()


def array_copy() -> Callable[[], None]:
    """Return a function that copies an array."""
    source = np.zeros(COPIED_BYTES, np.uint8)
    target = np.ones_like(source)
    return lambda: np.copyto(target, source)


def network_step(case: Case, precision: str) -> tuple[Callable[[], object], float]:
    """Return a function that applies or trains a network once, and its work in multiplications."""
    model = build_network(case.network, precision)
    images, targets = random_batch(case)
    work = case.batch * multiplications(with_sizes(model, {name: array.shape[1:] for name, array in images.items()}))
    if case.task == "inference":
        return applied(model, images), work
    compile_model(model, build_optimizer(case), build_loss(case), precision)
    return lambda: model.train_on_batch(images, targets), 3 * work


def applied(model: keras.Model, images: dict[str, np.ndarray]) -> Callable[[], np.ndarray]:
    """Return a function that applies a network to images, as one graph."""
    tensors = {name: tf.constant(array) for name, array in images.items()}
    graph = tf.function(lambda: model(tensors, training=False))
    return lambda: graph().numpy()


def measure(precision: str) -> dict[str, tuple[float, float]]:
    """Return name -> work, best seconds and best processor seconds, of the product, the copy and the networks."""
    ways: dict[str, Callable[[], object]] = {PRODUCT: matrix_product(precision), COPY: array_copy()}
    work = {PRODUCT: float(SIDE**3), COPY: 2.0 * COPIED_BYTES}
    for case in CASES:
        ways[case.key], work[case.key] = network_step(case, precision)
    return {name: (work[name], *spent) for name, spent in best_of_turns(ways, ROUNDS).items()}


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    if precision == "bfloat16" and not has_bfloat16():
        return [Result("peak in bfloat16", "not measured: this processor has no bfloat16", "")]
    measured = run_child([sys.executable, "-m", "benchmarks.roofline", precision])[0]
    work, seconds, processor = measured.pop(PRODUCT)
    copied, copy_seconds, _ = measured.pop(COPY)
    rows = [
        Result(f"peak, product of matrices of {SIDE} rows, {precision}", f"{2e-9 * work / seconds:.0f} GFLOP/s", ""),
        Result("peak, int8", INT8, ""),
        Result("memory, copy by one thread, bytes read and written", f"{1e-9 * copied / copy_seconds:.1f} GB/s", ""),
    ]
    for name, (network_work, network_seconds, network_processor) in measured.items():
        share = network_work / network_seconds / (work / seconds)
        by_processor = network_work / network_processor / (work / processor)
        text = f"{share:.2f} of the peak; by processor time {by_processor:.2f}"
        rows.append(Result(f"{name.replace('/', ', ')}, {precision}", text, ""))
    return rows


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
