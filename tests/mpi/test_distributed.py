"""`common/distributed.py` on several ranks, with each backend."""

import os
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.backends.horovod import Horovod
from common.backends.open_mpi import SETTINGS
from common.errors import ProductError, SettingError


def test_ranks_are_numbered(ranks: int) -> None:
    assert hvd.allgather_object(hvd.rank()) == list(range(ranks))
    assert 0 <= hvd.local_rank() < hvd.local_size() <= ranks
    assert hvd.cores_per_rank() >= 1


def test_ranks_of_a_machine_keep_to_their_own_cores(ranks: int) -> None:
    """Unless there are fewer cores than ranks."""
    cores = hvd.allgather_object(os.sched_getaffinity(0))
    if len(set().union(*cores)) >= ranks:
        assert sum(map(len, cores)) == len(set().union(*cores))
        assert hvd.cores_per_rank() <= len(cores[hvd.rank()])


def test_horovod_has_no_gloo() -> None:
    """Gloo finds the ranks through the HTTP server of `horovodrun`, which has open vulnerabilities."""
    assert not isinstance(hvd._backend, Horovod) or not hvd._backend._horovod.gloo_built()


def test_init_again_is_harmless(ranks: int) -> None:
    hvd.init()
    assert hvd.size() == ranks


def test_init_chooses_settings_of_open_mpi() -> None:
    assert {f"OMPI_MCA_{name}" for name in SETTINGS} <= set(os.environ)


def test_broadcast_makes_start_weights_equal(same_on_all_ranks: Callable) -> None:
    keras.utils.set_random_seed(hvd.rank())
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Nadam())
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(hvd.rank())
    start = hvd.allgather_object(model.get_weights()[0])
    assert not np.array_equal(start[0], start[1])
    hvd.broadcast_variables([*model.variables, *model.optimizer.variables])
    np.testing.assert_array_equal(model.get_weights()[0], start[0])
    assert int(model.optimizer.iterations) == 0
    same_on_all_ranks([*model.variables, *model.optimizer.variables])


def test_broadcast_from_another_rank() -> None:
    variable = tf.Variable(float(hvd.rank()))
    hvd.broadcast_variables([keras.Variable(variable)], root_rank=1)
    assert hvd.broadcast_object(f"from {hvd.rank()}", root_rank=1) == "from 1"


def test_variables_of_all_dtypes_are_broadcast() -> None:
    dtypes = ("bool", "float16", "float32", "int64")
    variables = [keras.Variable(np.full(shape, hvd.rank()), dtype=dtype) for dtype in dtypes for shape in ((), (2, 3))]
    hvd.broadcast_variables(variables, root_rank=1)
    for variable in variables:
        assert (np.asarray(variable) == 1).all(), variable.dtype


def test_sum_is_exact_beyond_float32(ranks: int) -> None:
    total = hvd.allreduce_sum([2.0**40 + hvd.rank(), 0.5])
    assert total.tolist() == [ranks * 2.0**40 + sum(range(ranks)), 0.5 * ranks]


def test_on_rank_zero_calls_once_and_all_ranks_get_the_result(ranks: int) -> None:
    calls = []
    result = hvd.on_rank_zero(lambda: calls.append(hvd.rank()) or {"folder": "runs/first"})
    assert result == {"folder": "runs/first"}
    assert hvd.allgather_object(calls) == [[0]] + [[]] * (ranks - 1)


@pytest.mark.parametrize("kind", [ProductError, SettingError])
def test_error_on_rank_zero_is_raised_on_all_ranks(kind: type) -> None:
    def fail() -> None:
        raise kind("no such scene; give another.")

    with pytest.raises(kind, match=r"^no such scene; give another\.$") as caught:
        hvd.on_rank_zero(fail)
    assert caught.value.on_all_ranks
    hvd.barrier()  # fails by timeout if a rank is missing


def test_the_error_of_one_rank_is_raised_on_all_ranks(ranks: int) -> None:
    last = hvd.rank() == ranks - 1
    with pytest.raises(ProductError, match=f"^rank {ranks - 1} has no such scene$") as caught:
        hvd.raise_together(ProductError(f"rank {hvd.rank()} has no such scene") if last else None)
    assert caught.value.on_all_ranks
    hvd.raise_together(None)  # raises nothing, and all ranks are still in step


def test_all_ranks_get_all_results_in_order(ranks: int) -> None:
    own_results = {index: [f"scene {index}"] for index in range(hvd.rank(), 7, ranks)}
    assert hvd.gather_in_order(own_results) == [f"scene {index}" for index in range(7)]


def test_rank_zero_gathers_and_scatters_values_of_any_size(ranks: int) -> None:
    values = [["x" * 1000 * rank, rank] for rank in range(ranks)]
    gathered = hvd.gather_object(values[hvd.rank()])
    assert gathered == (values if hvd.rank() == 0 else [])
    assert hvd.scatter_object(gathered) == values[hvd.rank()]
