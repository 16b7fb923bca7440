"""Measure networks on a GPU with Keras on JAX: inference and training steps in patches/s, TFLOP/s and share of the peak.

KERAS_BACKEND=jax python benchmarks/gpu.py --output FOLDER --reference FILE
KERAS_BACKEND=jax python benchmarks/gpu.py --quick               small cases, for a processor

It needs keras, jax, h5py, numpy and xxhash, but not TensorFlow. FILE is from `benchmarks/networks.py`.

Images and weights are on the GPU before a measurement starts; the column `with copies` includes copying images to the GPU
and results back. A training step is forward and backward pass and optimizer. Work is counted in convolutions and dense
layers, for a training step three times that of inference. The peak is a product of two random matrices in the same run.

    bfloat16   the mixed precision of this software; the peak is that of bfloat16
    tf32       float32 with products in TF32, which JAX and TensorFlow do by default on NVIDIA GPUs since Ampere
    float32    float32 throughout
"""

import argparse
import csv
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `benchmarks` is not installed

import h5py
import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks.networks import (
    CASES,
    GSD,
    QUICK_CASES,
    STEPS,
    Case,
    build_loss,
    build_network,
    build_optimizer,
    random_batch,
)
from common.networks.work import multiplications, with_sizes
from superres.networks.margin import margin_px

# Mode -> precision of the network, and JAX's precision of products of float32.
MODES = {"bfloat16": ("bfloat16", "default"), "tf32": ("float32", "default"), "float32": ("float32", "highest")}
# Mode -> largest relative difference to float32 of TensorFlow on a processor.
BOUNDS = {"bfloat16": 2e-2, "tf32": 3e-3, "float32": 1e-5}
LATER_BOUND = 5e-2  # after the first update: an optimizer divides small gradients, and their errors, by their size
GROUPS = 5  # of calls; the median group counts
COLUMNS = {
    "network": "",
    "task": "",
    "mode": "",
    "size_px": "d",
    "batch": "d",
    "milliseconds": ".3f",
    "patches_per_s": ".0f",
    "useful_mpx_per_s": ".1f",  # margins not counted
    "with_copies_per_s": ".0f",
    "tflop_per_s": ".1f",
    "share_of_peak": ".2f",
    "memory_gib": ".2f",
    "compile_s": ".1f",
    "difference": ".1e",  # of outputs; of the loss of the first training step
    "later_difference": ".1e",  # of the losses of the next training steps
}
Row = dict[str, Any]


def seconds_per_call(call: Callable[[], Any], group_seconds: float) -> float:
    """Return the time of a call that starts work on the device: the median of groups of calls, each waited for."""

    def group(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            result = call()
        jax.block_until_ready(result)
        return (time.perf_counter() - started) / calls

    group(2)  # the first calls are slower
    calls = max(1, math.ceil(group_seconds / group(1)))
    return statistics.median(group(calls) for _ in range(GROUPS))


def measure_peaks(quick: bool) -> dict[str, float]:
    """Return the TFLOP/s of a large matrix product in each mode, and the TB/s of reading and writing memory (`copy`)."""
    side = 256 if quick else 8192
    left, right = jax.random.normal(jax.random.key(0), (2, side, side))
    peaks = {}
    for mode, (dtype, precision) in MODES.items():
        with jax.default_matmul_precision(precision):
            product = jax.jit(jnp.matmul).lower(left.astype(dtype), right.astype(dtype)).compile()
        pair = left.astype(dtype), right.astype(dtype)
        peaks[mode] = 2e-12 * side**3 / seconds_per_call(lambda p=product, x=pair: p(*x), 0.1)
    large = jnp.ones(2**20 if quick else 2**29)
    add = jax.jit(lambda x: x + 1)
    peaks["copy"] = 2e-12 * large.nbytes / seconds_per_call(lambda: add(large), 0.1)
    return peaks


class Program(NamedTuple):
    """A compiled network with its data on the device.

    Attributes:
        run: start one inference or one training step; returns outputs or loss.
        run_with_copies: the same from images in the memory of the processor to outputs there; None for training.
        memory_gib: memory of the compiled program.
        compile_s: time of compiling.
    """

    run: Callable[[], jax.Array]
    run_with_copies: Callable[[], np.ndarray] | None
    memory_gib: float
    compile_s: float


def compile_case(case: Case, mode: str) -> Program:
    """Compile the network of a case in a mode."""
    precision, products = MODES[mode]
    model = cached_network(case.network, precision)
    images, targets = random_batch(case)
    arguments = (images,) if case.task == "inference" else (images, targets)
    function, state = inference(model) if case.task == "inference" else training(model, case)
    started = time.perf_counter()
    with jax.default_matmul_precision(products):
        compiled = function.lower(state, *arguments).compile()
    compile_s = time.perf_counter() - started
    on_device = jax.device_put(arguments)

    def train() -> jax.Array:
        nonlocal state
        state, loss = compiled(state, *on_device)
        return loss

    if case.task == "training":
        return Program(train, None, memory_gib(compiled), compile_s)
    return Program(
        lambda: compiled(state, *on_device),
        lambda: np.asarray(compiled(state, *arguments)),
        memory_gib(compiled),
        compile_s,
    )


@cache
def cached_network(name: str, precision: str) -> keras.Model:
    """Return a network, the same one in every call. Nothing changes its weights."""
    return build_network(name, precision)


def inference(model: keras.Model) -> tuple[Callable, tuple]:
    """Return the function (state, images) -> outputs, and its state."""

    def predict(state: tuple, images: dict) -> jax.Array:
        return model.stateless_call(*state, images, training=False)[0]

    return jax.jit(predict), (values(model.trainable_variables), values(model.non_trainable_variables))


def training(model: keras.Model, case: Case) -> tuple[Callable, tuple]:
    """Return the function (state, images, targets) -> (new state, loss), and the first state."""
    optimizer, loss = build_optimizer(case), build_loss(case)
    optimizer.build(model.trainable_variables)

    def loss_of(trainable: list, others: list, images: dict, targets: jax.Array) -> tuple[jax.Array, list]:
        outputs, others = model.stateless_call(trainable, others, images, training=True)
        return loss(targets, outputs), others

    def step(state: tuple, images: dict, targets: jax.Array) -> tuple[tuple, jax.Array]:
        trainable, others, moments = state
        (value, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, others, images, targets)
        trainable, moments = optimizer.stateless_apply(moments, gradients, trainable)
        return (trainable, others, moments), value

    variables = model.trainable_variables, model.non_trainable_variables, optimizer.variables
    return jax.jit(step, donate_argnums=0), tuple(map(values, variables))


def values(variables: Sequence[keras.Variable]) -> list[jax.Array]:
    """Return copies of the values of variables. A training step takes over the memory of its state."""
    return [jnp.array(variable.value) for variable in variables]


def memory_gib(compiled: jax.stages.Compiled) -> float:
    """Return the memory of a compiled function: arguments, results and intermediate tensors."""
    used = compiled.memory_analysis()
    size = used.argument_size_in_bytes + used.output_size_in_bytes + used.temp_size_in_bytes - used.alias_size_in_bytes
    return size / 2**30


@cache
def multiplications_per_patch(network: str, size_px: int) -> int:
    """Count the multiplications of the inference of one patch."""
    images, _ = random_batch(Case(network, "inference", size_px, 1))
    return multiplications(
        with_sizes(cached_network(network, "float32"), {name: image.shape[1:] for name, image in images.items()})
    )


def measure(case: Case, mode: str, peak: float, reference: h5py.File | None, group_seconds: float) -> Row:
    """Return the row of a case in a mode; `peak` in TFLOP/s."""
    program = compile_case(case, mode)
    row = {**case._asdict(), "mode": mode, "memory_gib": program.memory_gib, "compile_s": program.compile_s}
    if reference is not None and case.key in reference:
        row |= differences(program, case, reference[case.key][...])
    seconds = seconds_per_call(program.run, group_seconds)
    passes = 3 if case.task == "training" else 1  # the backward pass computes gradients of images and of kernels
    speed = 2e-12 * passes * case.batch * multiplications_per_patch(case.network, case.size_px) / seconds
    row |= {"milliseconds": 1e3 * seconds, "patches_per_s": case.batch / seconds}
    row |= {"tflop_per_s": speed, "share_of_peak": speed / peak}
    if program.run_with_copies:
        row["with_copies_per_s"] = case.batch / seconds_per_call(program.run_with_copies, group_seconds)
    if program.run_with_copies and case.is_fusion:
        useful_px = max(0, case.size_px - 2 * margin_px(case.network, GSD)) ** 2
        row["useful_mpx_per_s"] = 1e-6 * case.batch * useful_px / seconds
    return row


def differences(program: Program, case: Case, expected: np.ndarray) -> Row:
    """Return the relative differences of the first results of a program to the reference."""
    if case.task == "inference":
        return {"difference": relative_difference(np.asarray(program.run()), expected)}
    losses = np.array([program.run() for _ in range(STEPS)])
    return {
        "difference": relative_difference(losses[:1], expected[:1]),
        "later_difference": relative_difference(losses[1:], expected[1:]),
    }


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the length of the difference as a share of the length of what is expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def is_right(row: Row) -> bool:
    """Return whether the results of a row agree with the reference; a value that is not finite does not."""
    return row.get("difference", 0) <= BOUNDS[row["mode"]] and row.get("later_difference", 0) <= LATER_BOUND


def texts(row: Row) -> list[str]:
    """Return the columns of a row as texts; empty where there is no value."""
    return [format(row[name], form) if name in row else "" for name, form in COLUMNS.items()]


def machine() -> dict[str, Any]:
    """Return the device and the versions of the packages."""
    packages = {module.__name__: module.__version__ for module in (jax, keras, np)}
    return {"device": jax.devices()[0].device_kind, **packages, "python": sys.version.split()[0]}


def write(folder: Path, peaks: dict[str, float], rows: Sequence[Row]) -> None:
    """Write the rows so far as a table, and the machine with its peaks beside it."""
    with open(folder / "gpu.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *map(texts, rows)])
    (folder / "machine.json").write_text(json.dumps({**machine(), "peaks": peaks}, indent=2) + "\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="existing folder for gpu.csv and machine.json (none)")
    parser.add_argument("--reference", type=Path, help="results of TensorFlow to compare with (none)")
    parser.add_argument("--networks", nargs="+", help="measure only these networks (all)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="start no case after this time (no limit)")
    parser.add_argument("--quick", action="store_true", help="small cases, for a processor")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table; return 1 if a result differs from the reference by more than its bound."""
    arguments = build_parser().parse_args(argv)
    started = time.perf_counter()
    cases = [
        case
        for case in (QUICK_CASES if arguments.quick else CASES)
        if not arguments.networks or case.network in arguments.networks
    ]
    peaks = measure_peaks(arguments.quick)
    print(
        json.dumps({**machine(), "peaks": peaks}),
        "\n| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS),
        flush=True,
    )
    rows: list[Row] = []
    reference = h5py.File(arguments.reference) if arguments.reference else None
    for case, mode in itertools.product(cases, MODES):
        if time.perf_counter() - started > arguments.seconds:
            print(f"no time for {case.key}, {mode}")
            continue
        rows.append(measure(case, mode, peaks[mode], reference, 0.01 if arguments.quick else 0.3))
        print("| " + " | ".join(texts(rows[-1])) + " |", flush=True)
        if arguments.output:
            write(arguments.output, peaks, rows)
    wrong = [row for row in rows if not is_right(row)]
    for row in wrong:
        print("differs from the reference: | " + " | ".join(texts(row)) + " |")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
