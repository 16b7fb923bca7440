"""One process without a launcher; `tests/mpi` tests several ranks."""

import importlib.util
import os
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import common.distributed as hvd
from common.backends.launcher import LAUNCHER_VARIABLES, SIZE_VARIABLES
from common.errors import ProductError, SettingError


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """Run each test as if no launcher had started this process."""
    for name in (*LAUNCHER_VARIABLES, *SIZE_VARIABLES, "JEOPARDA_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hvd, "_backend", None)


def test_without_a_launcher_this_is_the_only_rank():
    hvd.init()
    hvd.init()
    assert (hvd.rank(), hvd.size(), hvd.local_rank(), hvd.local_size()) == (0, 1, 0, 1)
    assert 1 <= hvd.cores_per_rank() <= (os.cpu_count() or 1)
    hvd.barrier()


def test_once_a_node_without_a_launcher():
    assert hvd.once_a_node(lambda: "result") == ["result"]

    def fail() -> None:
        raise SettingError("no.")

    with pytest.raises(SettingError, match=r"^no\.$"):
        hvd.once_a_node(fail)


def test_srun_without_mpi_is_refused(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(SettingError, match="without MPI; use srun --mpi=pmix, or mpirun"):
        hvd.init()


@pytest.mark.parametrize("name", hvd.BACKENDS)
def test_a_backend_that_cannot_be_imported_is_an_error(name, monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("JEOPARDA_BACKEND", name)
    for module in ("horovod.tensorflow", "mpi4py"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    with pytest.raises(
        SettingError, match=rf"started under MPI, but {name} cannot be imported .*, or run {hvd.INSTALLED_BY[name]}\."
    ):
        hvd.init()


@pytest.mark.parametrize(
    ("installed", "wanted", "chosen"),
    [
        ({"horovod", "mpi4py"}, "", "horovod"),
        ({"mpi4py"}, "", "mpi4py"),
        ({"horovod", "mpi4py"}, "mpi4py", "mpi4py"),
        (set(), "", None),
    ],
)
def test_the_backend_is_the_one_asked_for_or_the_first_installed(installed, wanted, chosen, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setenv("JEOPARDA_BACKEND", wanted)
    assert hvd.chosen_backend() == chosen


def test_a_launcher_without_any_backend_is_an_error(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(SettingError, match="neither Horovod nor mpi4py is installed"):
        hvd.init()


def test_an_unknown_backend_is_an_error_without_a_launcher_too(monkeypatch):
    monkeypatch.setenv("JEOPARDA_BACKEND", "gloo")
    with pytest.raises(SettingError, match=r"JEOPARDA_BACKEND must be horovod or mpi4py; got gloo\."):
        hvd.init()


def test_joining_ends_below_a_launcher_of_another_mpi(monkeypatch):
    alone = SimpleNamespace(size=lambda: 1, mpi=lambda: "MPICH 5.0.2")  # a backend, as it starts there
    monkeypatch.setitem(hvd.BACKENDS, "mpi4py", lambda: alone)
    monkeypatch.setenv("JEOPARDA_BACKEND", "mpi4py")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(SettingError, match=r"it runs with MPICH 5\.0\.2, and this is not the launcher of that MPI"):
        hvd.init()
    assert hvd.size() == 1


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
    assert hvd.allgather_object(value) == hvd.gather_object(value) == [value]
    assert hvd.scatter_object([value]) is value
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


def test_abort_leaves_at_once(monkeypatch):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    hvd.abort(1)
    assert codes == [1]
