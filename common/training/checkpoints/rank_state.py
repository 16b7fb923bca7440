"""The part of an epoch that is done, and the variables that differ between ranks inside an epoch.

Weights and optimizers are equal on all ranks after each step. Two kinds of variables are not: the running sums of loss
and metrics, and the moving statistics of batch normalisations, which are averaged over ranks at the end of an epoch.
"""

from typing import NamedTuple

import keras
import numpy as np

import common.distributed as hvd
from common.networks.batch_statistics import moving_statistics


class EpochInWork(NamedTuple):
    """The part of an epoch that is done.

    Attributes:
        patches: patches that all ranks together have trained on, in the epoch's order.
        seconds: time that they took.
        variables: `sums` and `statistics` -> arrays in the order of `rank_variables`: those of all ranks, (ranks, ...), in a
            checkpoint, on rank 0; those of this rank alone in a training that goes on. Of ResNet50, each rank has 0.2 MB.
    """

    patches: int
    seconds: float
    variables: dict[str, list[np.ndarray]]


def rank_variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Return the variables of a compiled model that differ between ranks inside an epoch, by kind."""
    sums = [variable for metric in model.metrics for variable in metric.variables]
    return {"sums": sums, "statistics": moving_statistics(model)}


def own_values(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """Return the values of these variables on this rank, by kind."""
    return {kind: [np.asarray(variable) for variable in variables] for kind, variables in rank_variables(model).items()}


def gather_rank_variables(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """Return on rank 0 these variables of all ranks, as arrays (ranks, ...). Every rank must call this."""
    of_ranks = hvd.gather_object(own_values(model))
    kinds = of_ranks[0] if of_ranks else {}
    return {
        kind: [np.stack(arrays) for arrays in zip(*(rank[kind] for rank in of_ranks), strict=True)] for kind in kinds
    }


def share_rank_variables(gathered: dict[str, list[np.ndarray]], ranks: int) -> list[dict[str, list[np.ndarray]]]:
    """Return for each rank its variables, from those of all ranks.

    If the number of ranks has changed, each rank gets the same share of the sums, so that losses and metrics of the epoch
    weigh all its patches alike, and the mean of the statistics. At the end of an epoch the statistics are averaged over
    ranks, and a moving mean is linear, so this changes nothing but rounding.
    """

    def value(kind: str, array: np.ndarray, rank: int) -> np.ndarray:
        if len(array) == ranks:
            return array[rank]
        return array.sum(axis=0, dtype=np.float64) / (ranks if kind == "sums" else len(array))

    return [
        {kind: [value(kind, array, rank) for array in arrays] for kind, arrays in gathered.items()}
        for rank in range(ranks)
    ]


def set_rank_variables(model: keras.Model, own: dict[str, list[np.ndarray]]) -> None:
    """Set the variables of this rank to values that `own_values` or `share_rank_variables` returns."""
    for kind, variables in rank_variables(model).items():
        for variable, value in zip(variables, own[kind], strict=True):
            variable.assign(value)
