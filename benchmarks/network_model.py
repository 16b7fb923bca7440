"""A model of data-parallel training: how long an average of gradients takes, and how efficient N ranks are.

**Messages.** Messages follow each other along a ring or a tree, of these bytes if the gradients have S:

    ring    2 (N - 1) times S / N                         Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002
    tree    S / 2, S / 4, ..., S / N, S / N, ..., S / 2   halving and doubling: Thakur, Rabenseifner and Gropp 2005,
                                                          doi:10.1177/1094342005051521

If N is not a power of two, a tree first joins ranks in pairs until their number is one: S / 2, S / 2; and at the end, S. A
message crosses the network once. Open MPI over TCP asks first whether it may send one of 32 MiB or more, which then crosses three
times (`common/backends/open_mpi.py`). Ranks are taken to begin each exchange of a tree together: otherwise such large messages
may follow each other instead of crossing (docs/scaling.md).

**Agreement.** Horovod averages gradients that all ranks have. To find them, each rank tells the others which it has, in
ceil(log2 N) messages of a few bytes, again and again: at once after the last time, but at most every CYCLE_S. This is a period.
Gradients that come in between wait for one more period, on the average: half of one until a rank asks again, and half of one
because each rank asks at a moment of its own, up to a period after the others.

**Seconds** of an average over N ranks that are each on a node of their own, for latency L and rate B of the network:

    start + message * messages + latency * L * crossings + wire * bytes / B + copy * S

with the messages, crossings and bytes of both. `fit` finds the five factors, none of which is negative, from measurements.

A step of N ranks lasts as long as that of the slowest, because all wait for it before they average:

    step(N) = compute * (1 + spread * expected_maximum(N)) + (1 - overlap) * average(N) + rest

Efficiency is step(1) / step(N) at the same batch a rank (weak scaling). The model does not know ranks that are always slower,
other jobs on the network, or reading that slows down with more ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from common.backends.open_mpi import SENT_WITHOUT_ASKING

CYCLE_S = 1e-3  # HOROVOD_CYCLE_TIME, as it is if nobody sets it


class Network(NamedTuple):
    """A network between nodes.

    Attributes:
        latency_s: seconds from one node to another.
        bytes_per_s: rate at which a node can send.
        burst: bytes that a node that was idle sends at once, before this rate holds. Some rented machines have this, and
            emulated nodes.
    """

    latency_s: float
    bytes_per_s: float
    burst: float = 0.0


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
    wire: float
    copy: float


# A library and network cards that cost nothing themselves.
IDEAL = Costs(start=0, message=0, latency=1, wire=1, copy=0)


def message_sizes(average: Average) -> np.ndarray:
    """Return the bytes of the messages that follow each other, of the gradients alone."""
    ranks, size = average.ranks, average.size
    if not average.tree:
        return np.full(2 * (ranks - 1), size / ranks)
    levels = ranks.bit_length() - 1
    halves = size / 2.0 ** np.arange(1, levels + 1)
    sizes = np.concatenate([halves, halves[::-1]])
    return sizes if ranks == 2**levels else np.concatenate([[size / 2, size / 2], sizes, [size]])


def levels_to_agree(ranks: int) -> int:
    """Return the number of messages that follow each other until all ranks know of all others."""
    return (ranks - 1).bit_length()


def terms(average: Average) -> np.ndarray:
    """Return the numbers that the factors of `Costs` are multiplied with, in their order."""
    if average.ranks == 1:
        return np.zeros(len(Costs._fields))
    latency_s, bytes_per_s, burst = average.network
    sizes, levels = message_sizes(average), levels_to_agree(average.ranks)
    to_agree = levels if is_paced(average) else 2 * levels
    crossings = np.where(sizes >= SENT_WITHOUT_ASKING, 3, 1).sum() + to_agree
    limited = np.maximum(sizes - burst, 0).sum()
    return np.array([1, len(sizes) + to_agree, latency_s * crossings, limited / bytes_per_s, average.size])


def is_paced(average: Average) -> bool:
    """Return whether ranks agree faster than Horovod asks them to, so that a period lasts CYCLE_S."""
    return levels_to_agree(average.ranks) * average.network.latency_s < CYCLE_S


def paced_seconds(average: Average) -> float:
    """Return the seconds that gradients wait if a period lasts CYCLE_S; else `terms` has them."""
    return CYCLE_S if average.ranks > 1 and is_paced(average) else 0.0


def average_seconds(costs: Costs, average: Average) -> float:
    """Return the expected seconds of an average; 0 for one rank."""
    return float(terms(average) @ costs) + paced_seconds(average)


def fit(averages: Sequence[Average], seconds: Sequence[float]) -> Costs:
    """Return the factors with the smallest sum of squared relative errors.

    Args:
        averages: at least five, of different sizes, numbers of ranks, latencies and rates.
        seconds: measured.
    """
    measured = np.array(seconds)
    relative = np.array([terms(average) for average in averages]) / measured[:, None]
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)  # factors of seconds a byte are tiny
    paced = np.array([paced_seconds(average) for average in averages])
    factors, _ = nnls(relative / scale, 1 - paced / measured)
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
