"""What a checkpoint inside an epoch holds of each rank."""

import numpy as np

import common.distributed as hvd
from common.training.checkpoints.rank_state import (
    gather_rank_variables,
    rank_variables,
    set_rank_variables,
    share_rank_variables,
)
from tests.common.training.checkpoints.test_rank_state import make_model


def test_each_rank_gets_its_own_sums_and_statistics_back(ranks: int) -> None:
    model, other = make_model(), make_model()
    model.layers[0].moving_mean.assign([hvd.rank(), 1.0])
    model.metrics[0].update_state(hvd.rank() + 1.0, sample_weight=2 + hvd.rank())
    gathered = gather_rank_variables(model)
    lengths = [len(array) for arrays in gathered.values() for array in arrays]
    assert hvd.allgather_object(lengths) == [[ranks] * 4, *[[]] * (ranks - 1)]  # rank 0 alone has them all
    set_rank_variables(other, hvd.scatter_object(share_rank_variables(gathered, ranks)))
    for kind, variables in rank_variables(model).items():
        for variable, copy in zip(variables, rank_variables(other)[kind], strict=True):
            np.testing.assert_array_equal(variable, copy)
    assert float(other.metrics[0].result()) == hvd.rank() + 1
