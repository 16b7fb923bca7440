"""Measure averages over ranks on nodes with a network of chosen latencies and rates (`tests/network/nodes.py`)."""

import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.measure import ask_ranks
from benchmarks.network_model import Average, Network
from tests.network.nodes import Cluster, burst

# Slow enough for the processors of a small machine, which is every node at once. 7,158,296 bytes are the gradients of DSen2.
SIZES = (9_336, 262_144, 1_048_576, 7_158_296)
FITTED = list(itertools.product((2, 20), (50, 200)))  # milliseconds, million bits a second
HELD_OUT = list(itertools.product((4.5, 15), (75, 120)))  # chosen before they were measured
# Number of nodes, whether messages go along a tree, and networks. The model is fitted to rings of four and two nodes: one number of
# nodes would not tell the cost of a message from that of an average.
RUNS = ((4, False, FITTED + HELD_OUT), (2, False, FITTED + HELD_OUT), (3, False, HELD_OUT), (4, True, HELD_OUT))
COUNT = len(SIZES) * sum(len(settings) for _, _, settings in RUNS)  # of averages
# Rules for Open MPI's coll_tuned: one for allreduce (number 2), for all numbers of ranks, and two for sizes: from 0 bytes on
# recursive doubling (number 3), with which ranks agree without such rules, too; from 1 KiB on the ring (4) or the tree (6).
RULES = "1\n2\n1\n2\n2\n0 3 0 0\n1024 {algorithm} 0 0\n"
RING, TREE = 4, 6


class Measured(NamedTuple):
    """A measured average.

    Attributes:
        average: what was averaged.
        seconds: how long it took; the median of several.
        held_out: whether the model is tested with it, instead of fitted to it.
    """

    average: Average
    seconds: float
    held_out: bool


@contextmanager
def rules(tree: bool) -> Iterator[dict[str, object]]:
    """Write the rules with which Open MPI averages along a tree or a ring, and yield the settings that name them."""
    with tempfile.NamedTemporaryFile("w", suffix=".rules") as file:
        print(RULES.format(algorithm=TREE if tree else RING), file=file, flush=True)
        yield {"coll_tuned_use_dynamic_rules": 1, "coll_tuned_dynamic_rules_filename": file.name}


def emulated_network(latency_ms: float, mbit: float) -> Network:
    """Return the network between nodes with this latency in milliseconds and this rate in million bits a second."""
    return Network(latency_ms / 1e3, mbit * 1e6 / 8, burst(mbit))


def measure(nodes: int, tree: bool, settings: Sequence[tuple[float, float]]) -> Iterator[tuple[Average, float]]:
    """Measure averages of all sizes over one rank a node.

    Args:
        nodes: number of nodes.
        tree: whether messages go along a tree, instead of a ring.
        settings: latency in milliseconds, and rate in million bits a second, of each network.
    """
    with Cluster(nodes) as cluster, rules(tree) as chosen:
        words = [*cluster.mpirun(**chosen), sys.executable, "-m", "benchmarks.allreduce", *map(str, SIZES)]
        answers = ask_ranks(words, [partial(cluster.shape, *setting) for setting in settings])
        for (latency_ms, mbit), answer in zip(settings, answers, strict=True):
            network = emulated_network(latency_ms, mbit)
            for size, seconds in answer.items():
                yield Average(nodes, int(size), network, tree), statistics.median(seconds)


def measure_all() -> Iterator[Measured]:
    """Measure all averages, to fit the model and to test it."""
    for nodes, tree, settings in RUNS:
        for average, seconds in measure(nodes, tree, settings):
            setting = (average.network.latency_s * 1e3, average.network.bytes_per_s * 8 / 1e6)
            yield Measured(average, seconds, setting in HELD_OUT)
