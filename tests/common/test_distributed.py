"""One process without a launcher; `tests/mpi` tests several ranks."""

import os
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import common.distributed as hvd
from common.errors import ProductError, SettingError


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """Run each test as if no launcher had started this process."""
    for name in {*hvd.LAUNCHER_VARIABLES, *hvd.SIZE_VARIABLES}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hvd, "_backend", None)


def test_without_a_launcher_this_is_the_only_rank():
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
def test_a_launcher_is_known_by_its_variable(name, monkeypatch):
    assert not hvd.is_launched()
    monkeypatch.setenv(name, "2")
    assert hvd.is_launched()


def test_a_launcher_without_horovod_is_an_error(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)  # importing it fails
    with pytest.raises(SettingError, match=r"started under MPI, but Horovod cannot be imported .*; run \./install\.sh"):
        hvd.init()


@pytest.mark.parametrize("name", hvd.SIZE_VARIABLES)
def test_a_launcher_of_another_mpi_is_an_error(name, monkeypatch):
    """Each of its processes would train alone, as rank 0 of 1."""
    hvd.require_launched_size(1)
    monkeypatch.setenv(name, "2")
    hvd.require_launched_size(2)
    with pytest.raises(
        SettingError, match=rf"started 2 processes \({name}\), but this one sees 1: it is not the launcher"
    ):
        hvd.require_launched_size(1)


def test_joining_ends_below_a_launcher_of_another_mpi(monkeypatch):
    alone = SimpleNamespace(init=lambda: None, size=lambda: 1)  # Horovod, as it starts there
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", alone)
    monkeypatch.setitem(sys.modules, "horovod", SimpleNamespace(tensorflow=alone))
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(SettingError, match="not the launcher of the MPI"):
        hvd.init()
    assert hvd.size() == 1


def test_below_mpirun_the_tasks_of_srun_are_its_daemons(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "16")
    hvd.require_launched_size(16)


def test_cores_are_shared_on_a_node(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(hvd, "local_size", lambda: 3)
    assert hvd.cores_per_rank() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # bound to one by the launcher
    assert hvd.cores_per_rank() == 1
    monkeypatch.setattr(hvd, "local_size", lambda: 99)
    assert hvd.cores_per_rank() == 1


def test_one_rank_trains_with_the_given_optimizer():
    optimizer = keras.optimizers.Nadam()
    assert hvd.DistributedOptimizer(optimizer) is optimizer


def test_one_rank_keeps_its_values():
    variable = keras.Variable([1.0, 2.0])
    hvd.broadcast_variables([variable])
    np.testing.assert_array_equal(np.asarray(variable), [1, 2])
    value = {"a": [1, None]}
    assert hvd.broadcast_object(value) is value
    assert hvd.allgather_object(value) == [value]
    total = hvd.allreduce_sum([1.5, 2])
    assert (total.dtype, total.tolist()) == (np.float64, [1.5, 2.0])


def test_on_rank_zero_returns_the_result():
    assert hvd.on_rank_zero(lambda: ("folder", 3)) == ("folder", 3)
    assert hvd.on_rank_zero(lambda: None) is None


def test_on_rank_zero_marks_an_error_as_that_of_all_ranks():
    def fail():
        raise ProductError("no such scene; give another.")

    assert not ProductError("").on_all_ranks
    with pytest.raises(ProductError, match="no such scene; give another") as caught:
        hvd.on_rank_zero(fail)
    assert caught.value.on_all_ranks


def test_on_rank_zero_passes_other_errors_on():
    with pytest.raises(ZeroDivisionError):
        hvd.on_rank_zero(lambda: 1 // 0)


def test_results_are_gathered_in_the_order_of_their_indices():
    assert hvd.gather_in_order({2: ["c"], 0: ["a", "b"], 1: []}) == ["a", "b", "c"]
    assert hvd.gather_in_order({}) == []


def test_results_of_several_ranks_are_gathered_in_the_order_of_their_indices(monkeypatch):
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [own, {1: ["b"], 3: ["d"]}])
    assert hvd.gather_in_order({2: ["c"], 0: ["a"]}) == ["a", "b", "c", "d"]


def test_the_error_of_the_first_rank_is_raised(monkeypatch):
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [None, SettingError("second"), own])
    for own_error in (None, ProductError("third")):
        with pytest.raises(SettingError, match="second") as caught:
            hvd.raise_together(own_error)
        assert caught.value.on_all_ranks


def test_nothing_is_raised_without_an_error():
    hvd.raise_together(None)


@pytest.mark.parametrize(("variables", "rank"), [({}, 0), ({"PMI_RANK": "3"}, 3), ({"OMPI_COMM_WORLD_RANK": "1"}, 1)])
def test_the_launcher_gives_the_rank(variables, rank, monkeypatch):
    for name in hvd.RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hvd.launched_rank() == rank


def test_abort_leaves_at_once(monkeypatch):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    hvd.abort(1)
    assert codes == [1]
