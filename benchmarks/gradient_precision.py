"""Time and error of averaging gradients that travel in 16 bits, on one machine and over networks of chosen rates.

python -m benchmarks.gradient_precision                          print a table (Linux, root: `tests/network/nodes.py`)
mpirun -np N python -m benchmarks.gradient_precision BYTES...    measure once for each line on stdin, and print a line of JSON

The fastest of several averages counts: other work on the machine makes one slower, never faster.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import answer_asker, ask_ranks, seconds
from common.backends.half_width import FORMATS
from tests.network.nodes import Cluster

PRECISIONS = ("float32", *FORMATS)
SIZES = {7_158_296: "DSen2, 7 MB", 94_428_236: "ResNet50, 94 MB"}  # bytes of the gradients, float32
NETWORKS = (1000, 100)  # million bits a second
LATENCY_MS = 0.5
ERROR_BYTES = 4_000_000
MOST, LEAST, SECONDS = 8, 2, 4.0  # averages of one kind: until this time has passed, within these numbers


def gradients(size: int) -> list[tf.Tensor]:
    """Return this rank's gradients: normal numbers, float32, of so many bytes."""
    return [tf.constant(np.random.default_rng(hvd.rank()).standard_normal(size // 4, np.float32))]


def fastest(size: int, precision: str) -> float:
    """Return the seconds of the fastest average of gradients of this size. Every rank must call it."""
    own = gradients(size)
    average = tf.function(partial(hvd.average_gradients, gradient_precision=precision))

    def average_once() -> None:
        average(own)[0].numpy()

    average_once()  # builds the graph
    times: list[float] = []
    while len(times) < LEAST or hvd.broadcast_object(sum(times) < SECONDS and len(times) < MOST):
        hvd.barrier()
        times.append(seconds(average_once))
    return min(times)


def largest_error(precision: str) -> float:
    """Return the largest error of a mean, relative to the mean size of the gradients that enter it."""
    own = gradients(ERROR_BYTES)
    exact, sizes = hvd.average_gradients([own[0], tf.abs(own[0])], "float32")
    (means,) = hvd.average_gradients(own, precision)
    return float(tf.reduce_max(tf.abs(means - exact) / sizes))


def measure_all(sizes: Sequence[int]) -> dict[str, list]:
    """Return times, by size and precision, and errors, by precision. Every rank must call it."""
    return {
        "times": [[fastest(size, precision) for precision in PRECISIONS] for size in sizes],
        "errors": [largest_error(precision) for precision in PRECISIONS],
    }


def measure(backend: str) -> None:
    """Print the rows of a backend: two ranks on this machine, then on two nodes with each network."""
    with Cluster(2) as cluster:
        here = ["mpirun", "--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-np", "2"]
        (measured,) = answers(backend, here, [lambda: None])
        print_row("largest relative error", "one machine", backend, [f"{error:.1e}" for error in measured["errors"]])
        print_times("one machine", backend, measured["times"])
        shapes = [partial(cluster.shape, LATENCY_MS, mbit) for mbit in NETWORKS]
        for mbit, measured in zip(NETWORKS, answers(backend, cluster.mpirun(), shapes), strict=True):
            print_times(f"{mbit} Mbit/s", backend, measured["times"])


def answers(backend: str, launch: Sequence[str], changes: Sequence[Callable[[], None]]) -> Iterator[dict]:
    """Start ranks, and yield what they measure after each change of the network."""
    words = [*launch, sys.executable, "-m", "benchmarks.gradient_precision", *map(str, SIZES)]
    return ask_ranks(words, changes, JEOPARDA_BACKEND=backend)


def print_times(place: str, backend: str, times: Sequence[Sequence[float]]) -> None:
    """Print a row for each network: seconds, and their ratio to those of float32."""
    for network, row in zip(SIZES.values(), times, strict=True):
        print_row(network, place, backend, [f"{time:.3f} s ({time / row[0]:.2f})" for time in row])


def print_row(*cells: str | Sequence[str]) -> None:
    """Print a row; the last of the cells are a list."""
    print(f"| {' | '.join([*cells[:-1], *cells[-1]])} |", flush=True)


def main() -> None:
    """Print the table, or answer as a rank."""
    if sys.argv[1:]:
        sizes = [int(word) for word in sys.argv[1:]]
        return answer_asker(lambda: measure_all(sizes))
    print_row("Gradients", "Network", "Backend", PRECISIONS)
    print_row("---", "---", "---", ["---:"] * len(PRECISIONS))
    for backend in hvd.installed_backends():
        measure(backend)


if __name__ == "__main__":
    main()
