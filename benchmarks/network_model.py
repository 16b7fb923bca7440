"""A model of data-parallel training: how long an average of gradients takes, and how efficient N ranks are.

Seconds of an average over N ranks that are each on a node of their own, for S bytes, latency L and rate B of the network:

    start + message * m + latency * L * h * m + agreement * L * ceil(log2 N) + wire * v / B + copy * S

with the messages m that follow each other, and the bytes v that each rank sends:

    ring    m = 2 (N - 1)           v = 2 (N - 1) / N * S    Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002
    tree    m = 2 ceil(log2 N)      v = 2 (N - 1) / N * S    recursive halving and doubling: Thakur, Rabenseifner and Gropp
                                                             2005, doi:10.1177/1094342005051521

A message of less than 64 KiB crosses the network once (h = 1). Open MPI over TCP asks first whether it may send a larger one
(h = 3). Before they average, all ranks agree that their gradients are there, through rank 0. `fit` finds the six factors, none
of which is negative, from measurements.

A step of N ranks lasts as long as that of the slowest, because all wait for it before they average:

    step(N) = compute * (1 + spread * expected_maximum(N)) + (1 - overlap) * average(N) + rest

Efficiency is step(1) / step(N) at the same batch a rank (weak scaling). The model does not know ranks that are always slower,
other jobs on the network, or reading that slows down with more ranks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

ONE_WAY_BYTES = 65_536  # Open MPI's btl_tcp_eager_limit, which counts the header, too


class Network(NamedTuple):
    """A network between nodes.

    Attributes:
        latency_s: seconds from one node to another.
        bytes_per_s: rate at which a node can send.
    """

    latency_s: float
    bytes_per_s: float


class Average(NamedTuple):
    """An average over ranks.

    Attributes:
        ranks: number of ranks, each on a node of its own.
        size: bytes of the gradients of one rank.
        network: the network between them.
        tree: whether the messages go along a tree, instead of a ring.
    """

    ranks: int
    size: float
    network: Network
    tree: bool = False


class Costs(NamedTuple):
    """The factors of the formula above. Unit of start and message: seconds; of copy: seconds a byte; others have none."""

    start: float
    message: float
    latency: float
    agreement: float
    wire: float
    copy: float


# A library and network cards that cost nothing themselves.
IDEAL = Costs(start=0, message=0, latency=1, agreement=2, wire=1, copy=0)


def terms(average: Average) -> np.ndarray:
    """Return the numbers that the factors of `Costs` are multiplied with, in their order."""
    ranks, size, (latency_s, bytes_per_s), tree = average
    if ranks == 1:
        return np.zeros(len(Costs._fields))
    levels = math.ceil(math.log2(ranks))
    messages = 2 * levels if tree else 2 * (ranks - 1)
    sent = 2 * (ranks - 1) / ranks * size
    crossings = 3 if sent / messages >= ONE_WAY_BYTES else 1
    return np.array([1, messages, latency_s * crossings * messages, latency_s * levels, sent / bytes_per_s, size])


def average_seconds(costs: Costs, average: Average) -> float:
    """Return the expected seconds of an average; 0 for one rank."""
    return float(terms(average) @ costs)


def fit(averages: Sequence[Average], seconds: Sequence[float]) -> Costs:
    """Return the factors with the smallest sum of squared relative errors.

    Args:
        averages: at least six, of different sizes, numbers of ranks, latencies and rates.
        seconds: measured.
    """
    relative = np.array([terms(average) / measured for average, measured in zip(averages, seconds, strict=True)])
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)  # factors of seconds a byte are tiny
    factors, _ = nnls(relative / scale, np.ones(len(seconds)))
    return Costs(*(factors / scale))


def expected_maximum(ranks: int) -> float:
    """Return the expected maximum of as many independent standard normal numbers; 0 for one."""
    x = np.linspace(-10, 10, 2001)  # no number is outside
    return float(x[-1] - np.trapezoid(ndtr(x) ** ranks, x)) if ranks > 1 else 0.0


@dataclass(frozen=True)
class Job:
    """A training, and the machine that it runs on.

    Attributes:
        compute_s: seconds of a step's forward and backward pass on one rank.
        size: bytes of the gradients.
        network: the network between the nodes.
        tree: as in `Average`.
        costs: of averaging, as fitted, or IDEAL.
        spread: standard deviation of a rank's compute time from step to step, divided by its mean.
        overlap: part of the average that is hidden behind the backward pass; 0 for this software, which averages after it.
        rest_s: seconds of a step that are the same on one rank and on many.
    """

    compute_s: float
    size: float
    network: Network
    tree: bool = False
    costs: Costs = IDEAL
    spread: float = 0.0
    overlap: float = 0.0
    rest_s: float = 0.0

    def step_seconds(self, ranks: int) -> float:
        """Return the expected seconds of a step."""
        slowest = self.compute_s * (1 + self.spread * expected_maximum(ranks))
        average = average_seconds(self.costs, Average(ranks, self.size, self.network, self.tree))
        return slowest + (1 - self.overlap) * average + self.rest_s

    def efficiency(self, ranks: int) -> float:
        """Return the rate of all ranks, divided by `ranks` times the rate of one; the same number of patches a rank."""
        return self.step_seconds(1) / self.step_seconds(ranks)
