"""Measure averages of MPI alone over emulated networks, and compare them with the model that is fitted to nothing.

python -m benchmarks.mpi_averages --real-time    prints a table (Linux, root): rings and trees of four nodes

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from benchmarks.emulated import HELD_OUT, SIZES, emulated_network, rules
from benchmarks.measure import ask_ranks
from benchmarks.network_model import IDEAL, Average, average_seconds
from tests.network.nodes import Cluster, why_not

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
        for tree in (False, True):
            for average, seconds in measure(tree, arguments.eager_bytes, arguments.real_time):
                print(describe(average, seconds), flush=True)
    return 0


def describe(average: Average, seconds: Sequence[float]) -> str:
    """Return a line of the table: what was averaged, the seconds measured and modelled, and the error of the model."""
    median, modelled = statistics.median(seconds), average_seconds(IDEAL, average)
    network = f"{average.network.latency_s * 1e3:g} ms {average.network.bytes_per_s * 8e-6:g} Mbit/s"
    measured = f"{median:.4f} s (from {min(seconds):.4f} to {max(seconds):.4f})"
    what = f"{'tree' if average.tree else 'ring'} {average.size:9d} bytes {network}"
    return f"{what}: {measured}, modelled {modelled:.4f} s, {modelled / median - 1:+.1%}"


def measure(tree: bool, eager_bytes: int | None, in_real_time: bool) -> Iterator[tuple[Average, list[float]]]:
    """Measure averages of all sizes on all networks; yield each with its seconds."""
    eager = {"btl_tcp_eager_limit": eager_bytes, "btl_tcp_rndv_eager_limit": eager_bytes} if eager_bytes else {}
    with Cluster(NODES) as cluster, rules(tree) as chosen:
        words = [*cluster.mpirun(**chosen, **eager), sys.executable, "-m", "benchmarks.mpi_averages", "--rank"]
        words += ["--real-time"] if in_real_time else []
        answers = ask_ranks(words, [partial(cluster.shape, *setting) for setting in HELD_OUT])
        for setting, answer_of_ranks in zip(HELD_OUT, answers, strict=True):
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
