"""Measure averages of MPI alone over emulated networks, and compare them with the model.

python -m benchmarks.mpi_averages --real-time    prints a table (Linux, root): rings and trees of four nodes

Each line says by how much the model misses with nothing fitted, and with factors that are fitted to the rings on the networks
of FITTED. The other lines, those of HELD_OUT, are a test of it.

With --real-time, all other work on the machine stands still while ranks measure. A rank that waits for a message looks for it again
and again. Real-time ranks let another one have the processor after each look; others keep it for milliseconds, so that ranks come
late, and trees of large messages take longer (docs/scaling.md). `nice` does not help: Linux first shares the time among sessions.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from benchmarks.emulated import FITTED, HELD_OUT, SIZES, emulated_network, rules
from benchmarks.measure import ask_ranks
from benchmarks.network_model import IDEAL, Average, Costs, average_seconds, fit
from tests.network.nodes import Cluster, why_not

Setting = tuple[float, float]  # latency in milliseconds, rate in million bits a second
NODES, COUNT = 4, 8
PAUSE_S = 0.3  # before each average, until all ranks are there


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a line for each average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--eager-bytes", type=int, help="Open MPI sends messages up to this size without asking (64 KiB)"
    )
    parser.add_argument("--real-time", action="store_true", help="ranks have priority over all other work")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.rank:
        answer(arguments.real_time)
    elif reason := why_not():
        sys.exit(f"no emulated networks: {reason}")
    else:
        compare(partial(measure, eager_bytes=arguments.eager_bytes, in_real_time=arguments.real_time))
    return 0


def compare(measure_on: Callable[[Sequence[Setting], bool], Iterator[tuple[Average, list[float]]]]) -> None:
    """Print a line for each average: first those that the factors are fitted to, then those that test the model."""
    to_fit = list(measure_on(FITTED, tree=False))
    averages, seconds = zip(*to_fit, strict=True)
    costs = fit(averages, [statistics.median(each) for each in seconds])
    print(f"fitted to the first {len(to_fit)}: {costs}")
    for average, each in to_fit:
        print(describe(average, each, costs), flush=True)
    print("not seen by the fit:")
    for tree in (False, True):
        for average, each in measure_on(HELD_OUT, tree=tree):
            print(describe(average, each, costs), flush=True)


def describe(average: Average, seconds: Sequence[float], costs: Costs) -> str:
    """Return a line of the table: what was averaged, the seconds measured and modelled, and the errors of the model."""
    median = statistics.median(seconds)
    ideal, fitted = (average_seconds(each, average) for each in (IDEAL, costs))
    network = f"{average.network.latency_s * 1e3:g} ms {average.network.bytes_per_s * 8e-6:g} Mbit/s"
    measured = f"{median:.4f} s (from {min(seconds):.4f} to {max(seconds):.4f})"
    errors = f"modelled {ideal:.4f} s, {ideal / median - 1:+.1%}; fitted {fitted:.4f} s, {fitted / median - 1:+.1%}"
    return f"{'tree' if average.tree else 'ring'} {average.size:9d} bytes {network}: {measured}, {errors}"


def measure(
    settings: Sequence[Setting], tree: bool, eager_bytes: int | None, in_real_time: bool
) -> Iterator[tuple[Average, list[float]]]:
    """Measure averages of all sizes on networks of these settings; yield each with its seconds."""
    eager = {"btl_tcp_eager_limit": eager_bytes, "btl_tcp_rndv_eager_limit": eager_bytes} if eager_bytes else {}
    with Cluster(NODES) as cluster, rules(tree) as chosen:
        words = [*cluster.mpirun(**chosen, **eager), sys.executable, "-m", "benchmarks.mpi_averages", "--rank"]
        words += ["--real-time"] if in_real_time else []
        answers = ask_ranks(words, [partial(cluster.shape, *setting) for setting in settings])
        for setting, answer_of_ranks in zip(settings, answers, strict=True):
            for size, seconds in answer_of_ranks.items():
                yield Average(NODES, int(size), emulated_network(*setting), tree, agreed=True), seconds


@contextmanager
def real_time() -> Iterator[None]:
    """Give this thread priority over all other work of the machine."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def answer(in_real_time: bool) -> None:
    """Measure once for each line on the stdin of rank 0, which prints the seconds by size. Every rank must call it."""
    from mpi4py import MPI

    ranks = MPI.COMM_WORLD
    if ranks.rank == 0:
        print("ready", flush=True)
    while ranks.bcast(sys.stdin.readline() if ranks.rank == 0 else None):
        with real_time() if in_real_time else nullcontext():
            seconds = {size: averages(ranks, size) for size in reversed(SIZES)}  # the largest opens TCP's windows
        if ranks.rank == 0:
            print(json.dumps(seconds), flush=True)


def averages(ranks: "MPI.Intracomm", size: int) -> list[float]:  # noqa: F821
    """Return the seconds of several averages of as many bytes, from when all ranks begin to when the last has its result."""
    import numpy as np

    own, mean = np.zeros(size // 4, np.float32), np.zeros(size // 4, np.float32)
    seconds = []
    for _ in range(COUNT + 2):
        begin = ranks.bcast(time.monotonic() + PAUSE_S)
        ranks.Barrier()
        time.sleep(max(0.0, begin - time.monotonic()))
        ranks.Allreduce(own, mean)
        seconds.append(max(ranks.allgather(time.monotonic())) - begin)
    return seconds[2:]


if __name__ == "__main__":
    sys.exit(main())
