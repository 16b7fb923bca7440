"""One process without a launcher; `tests/mpi` holds what only several ranks can show."""

import os
import sys

import keras
import numpy as np
import pytest

import common.distributed as hvd
from common.errors import ProductError, SettingError


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in hvd.LAUNCHER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    monkeypatch.setattr(hvd, "_horovod", None)


def test_the_only_rank():
    hvd.init()
    hvd.init()
    assert (hvd.rank(), hvd.size(), hvd.local_rank(), hvd.local_size()) == (0, 1, 0, 1)
    assert 1 <= hvd.cores_per_rank() <= (os.cpu_count() or 1)
    hvd.barrier()


def test_srun_without_mpi_is_refused(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(SettingError, match="without MPI; use srun --mpi=pmix, or mpirun"):
        hvd.init()


@pytest.mark.parametrize("name", hvd.LAUNCHER_VARIABLES)
def test_launchers_are_known(name, monkeypatch):
    assert not hvd.is_launched()
    monkeypatch.setenv(name, "2")
    assert hvd.is_launched()


def test_a_launcher_without_horovod(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)  # importing it fails
    with pytest.raises(SettingError, match=r"started under MPI, but Horovod cannot be imported .*; run \./install\.sh"):
        hvd.init()


def test_cores_are_shared_on_a_node(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(hvd, "local_size", lambda: 3)
    assert hvd.cores_per_rank() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # bound to one by the launcher
    assert hvd.cores_per_rank() == 1
    monkeypatch.setattr(hvd, "local_size", lambda: 99)
    assert hvd.cores_per_rank() == 1


def test_the_optimizer_is_the_given_one():
    optimizer = keras.optimizers.Nadam()
    assert hvd.DistributedOptimizer(optimizer) is optimizer


def test_values_stay():
    variable = keras.Variable([1.0, 2.0])
    hvd.broadcast_variables([variable])
    np.testing.assert_array_equal(np.asarray(variable), [1, 2])
    value = {"a": [1, None]}
    assert hvd.broadcast_object(value) is value
    assert hvd.allgather_object(value) == [value]
    total = hvd.allreduce_sum([1.5, 2])
    assert (total.dtype, total.tolist()) == (np.float64, [1.5, 2.0])


def test_on_rank_zero_gives_the_result():
    assert hvd.on_rank_zero(lambda: ("folder", 3)) == ("folder", 3)
    assert hvd.on_rank_zero(lambda: None) is None


def test_on_rank_zero_marks_our_errors():
    def fail():
        raise ProductError("no such scene; give another.")

    assert not ProductError("").on_all_ranks
    with pytest.raises(ProductError, match="no such scene; give another") as caught:
        hvd.on_rank_zero(fail)
    assert caught.value.on_all_ranks


def test_on_rank_zero_passes_other_errors_on():
    with pytest.raises(ZeroDivisionError):
        hvd.on_rank_zero(lambda: 1 // 0)


def test_abort_leaves_at_once(monkeypatch):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    hvd.abort(1)
    assert codes == [1]
