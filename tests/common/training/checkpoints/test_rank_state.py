"""Running sums and moving statistics, which differ between ranks inside an epoch; `tests/mpi` has the test with two ranks."""

import keras
import numpy as np
import pytest

from common.training.checkpoints.rank_state import (
    gather_rank_variables,
    rank_variables,
    set_rank_variables,
    share_rank_variables,
)


def make_model() -> keras.Model:
    """Return a compiled network with a batch normalisation."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", jit_compile=False)
    return model


def test_what_differs_between_ranks_goes_from_one_model_to_another() -> None:
    model, other = make_model(), make_model()
    model.layers[0].moving_mean.assign([3.0, 4.0])
    model.metrics[0].update_state(0.5, sample_weight=8)
    gathered = gather_rank_variables(model)
    assert {kind: [array.shape for array in arrays] for kind, arrays in gathered.items()} == {
        "sums": [(1,), (1,)],
        "statistics": [(1, 2), (1, 2)],
    }
    set_rank_variables(other, *share_rank_variables(gathered, ranks=1))
    assert float(other.metrics[0].result()) == 0.5
    for kind, variables in rank_variables(model).items():
        for variable, copy in zip(variables, rank_variables(other)[kind], strict=True):
            np.testing.assert_array_equal(variable, copy)


@pytest.mark.parametrize("ranks", [1, 3])
def test_another_number_of_ranks_shares_the_sums_and_averages_the_statistics(
    ranks: int,
) -> None:
    """Two ranks took 8 and 4 patches, with losses of 0.5 and 2."""
    model = make_model()
    sums = [np.array([4.0, 8.0], np.float32), np.array([8.0, 4.0], np.float32)]
    statistics = [np.array([[1.0, 2.0], [3.0, 6.0]], np.float32), np.ones((2, 2), np.float32)]
    shares = share_rank_variables({"sums": sums, "statistics": statistics}, ranks)
    assert len(shares) == ranks
    set_rank_variables(model, shares[-1])
    (loss,) = model.metrics
    assert float(loss.result()) == pytest.approx((8 * 0.5 + 4 * 2) / 12)
    assert float(np.asarray(loss.count)) == pytest.approx(12 / ranks)
    np.testing.assert_array_equal(np.asarray(model.layers[0].moving_mean), [2, 4])
