"""The peak of this machine, and the share of it that each network reaches, in inference and in training.

    python -m benchmarks.roofline PRECISION    prints one line of JSON

The peak of arithmetic is the fastest product of two large matrices: by TensorFlow, by oneDNN (as a convolution of 1 x 1 px),
and in float32 by NumPy. The product of int8, in which no network here computes, is OpenVINO's, where it is installed. The peak
of memory is NumPy's copy of a large array by one thread. A network's work follows from its layers
(`common/networks/work.py`); a training step counts three times, for the outputs and for the gradients of inputs and weights.
All take turns. On a machine with other work, shares by processor time are the better ones.
"""

import json
import sys
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure import Result, best_of_turns, run_child
from benchmarks.networks import Case, build_loss, build_network, build_optimizer, random_batch
from common.machine import usable_cores
from common.networks.engines import import_openvino, openvino_obstacle
from common.networks.precision import has_bfloat16
from common.networks.work import multiplications, with_sizes
from common.training.optimizer import compile_model

SIDE = 2048  # rows of the matrices
PIXELS = 64  # columns of the image whose convolution is their product
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
PRODUCT, COPY, INT8 = "product by ", "copy", "int8"


def matrix_products(precision: str) -> dict[str, Callable[[], object]]:
    """Return functions that multiply two matrices, by the name of the library."""
    rng = np.random.default_rng(0)
    one, other = (rng.random((SIDE, SIDE), np.float32) for _ in range(2))
    tensors = [tf.cast(tf.constant(matrix), precision) for matrix in (one, other)]
    rows = SIDE // PIXELS

    # Each brings one number out instead of a matrix.
    @tf.function
    def product() -> tf.Tensor:
        return tf.reduce_max(tf.matmul(*tensors))

    @tf.function
    def convolution() -> tf.Tensor:
        image, kernel = tf.reshape(tensors[0], (1, rows, PIXELS, SIDE)), tf.reshape(tensors[1], (1, 1, SIDE, SIDE))
        return tf.reduce_max(tf.nn.conv2d(image, kernel, 1, "SAME"))

    products = {"TensorFlow": lambda: product().numpy(), "oneDNN": lambda: convolution().numpy()}
    if precision == "float32":
        products["NumPy"] = lambda: np.matmul(one, other)
    return products


def int8_product() -> Callable[[], object]:
    """Return a function that multiplies two matrices of 8-bit integers with OpenVINO, which knows them by their scales."""
    openvino = import_openvino()
    ops = openvino.opset13
    rng = np.random.default_rng(0)
    left = ops.parameter((SIDE, SIDE), np.uint8)
    right = ops.constant(rng.integers(-127, 128, (SIDE, SIDE), np.int8))
    scaled = [ops.multiply(ops.convert(matrix, "f32"), np.float32(0.01)) for matrix in (left, right)]
    largest = ops.reduce_max(ops.matmul(*scaled, False, False), np.array([0, 1]))
    model = openvino.Model([largest], [left])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": usable_cores()})
    request, matrix = compiled.create_infer_request(), rng.integers(0, 256, (SIDE, SIDE), np.uint8)
    return lambda: request.infer([matrix])


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
    """Return name -> work, best seconds and best processor seconds, of the products, the copy and the networks."""
    ways: dict[str, Callable[[], object]] = {COPY: array_copy()}
    work = {COPY: 2.0 * COPIED_BYTES}
    if openvino_obstacle("float32") is None:
        ways[INT8], work[INT8] = int8_product(), float(SIDE**3)
    for library, product in matrix_products(precision).items():
        ways[PRODUCT + library], work[PRODUCT + library] = product, float(SIDE**3)
    for case in CASES:
        ways[case.key], work[case.key] = network_step(case, precision)
    return {name: (work[name], *spent) for name, spent in best_of_turns(ways, ROUNDS).items()}


def run(precision: str) -> list[Result]:
    """Return the rows of this benchmark."""
    if precision == "bfloat16" and not has_bfloat16():
        return [Result("peak in bfloat16", "not measured: this processor has no bfloat16", "")]
    measured = run_child([sys.executable, "-m", "benchmarks.roofline", precision])[0]
    copied, copy_seconds, _ = measured.pop(COPY)
    int8 = describe_rates(measured.pop(INT8)) if INT8 in measured else f"not measured: {openvino_obstacle('float32')}"
    products = {name: measured.pop(name) for name in list(measured) if name.startswith(PRODUCT)}
    peak, processor_peak = (max(rates(spent)[index] for spent in products.values()) for index in range(2))
    rows = [
        *(Result(f"{name}, {SIDE} rows, {precision}", describe_rates(spent), "") for name, spent in products.items()),
        Result(f"product by OpenVINO, {SIDE} rows, int8", int8, ""),
        Result("memory, copy by one thread, bytes read and written", f"{1e-9 * copied / copy_seconds:.1f} GB/s", ""),
    ]
    for name, spent in measured.items():
        rate, processor_rate = rates(spent)
        shares = f"{processor_rate / processor_peak:.2f} of the peak by processor time, {rate / peak:.2f} by wall time"
        rows.append(Result(f"{name.replace('/', ', ')}, {precision}", f"{shares}; {describe_rates(spent)}", ""))
    return rows


def rates(spent: Sequence[float]) -> tuple[float, float]:
    """Return GFLOP a second, and GFLOP a processor second, from work, seconds and processor seconds."""
    work, *seconds = spent
    wall, processor = (2e-9 * work / duration for duration in seconds)
    return wall, processor


def describe_rates(spent: Sequence[float]) -> str:
    """Return both rates as text."""
    wall, processor = rates(spent)
    return f"{processor:.0f} GFLOP a processor second, {wall:.0f} GFLOP/s"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
