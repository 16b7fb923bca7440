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
        variables: `sums` and `statistics` -> arrays (ranks, ...) in the order of `rank_variables`.
    """

    patches: int
    seconds: float
    variables: dict[str, list[np.ndarray]]


def rank_variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Return the variables of a compiled model that differ between ranks inside an epoch, by kind."""
    sums = [variable for metric in model.metrics for variable in metric.variables]
    return {"sums": sums, "statistics": moving_statistics(model)}


def gather_rank_variables(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """Return on all ranks these variables of all ranks, as arrays (ranks, ...). Every rank must call this."""
    own = {kind: [np.asarray(variable) for variable in variables] for kind, variables in rank_variables(model).items()}
    of_ranks = hvd.allgather_object(own)
    return {kind: [np.stack(arrays) for arrays in zip(*(rank[kind] for rank in of_ranks), strict=True)] for kind in own}


def set_rank_variables(model: keras.Model, gathered: dict[str, list[np.ndarray]]) -> None:
    """Set the variables of this rank from those of all ranks.

    If the number of ranks has changed, each rank gets the same share of the sums, so that losses and metrics of the epoch
    weigh all its patches alike, and the mean of the statistics. At the end of an epoch the statistics are averaged over
    ranks, and a moving mean is linear, so this changes nothing but rounding.
    """
    for kind, variables in rank_variables(model).items():
        for variable, array in zip(variables, gathered[kind], strict=True):
            if len(array) == hvd.size():
                value = array[hvd.rank()]
            else:
                value = array.sum(axis=0, dtype=np.float64) / (hvd.size() if kind == "sums" else len(array))
            variable.assign(value)
