"""What the processes that a launcher starts know of it."""

import pytest

from common.backends import launcher
from common.errors import SettingError


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """Run each test as if no launcher had started this process."""
    for name in (*launcher.LAUNCHER_VARIABLES, *launcher.SIZE_VARIABLES, *launcher.RANK_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", launcher.LAUNCHER_VARIABLES)
def test_a_launcher_is_known_by_its_variable(name, monkeypatch):
    assert not launcher.is_launched()
    monkeypatch.setenv(name, "2")
    assert launcher.is_launched()


def test_tasks_of_srun_without_mpi_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert not launcher.is_launched()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(SettingError, match="without MPI; use srun --mpi=pmix, or mpirun"):
        launcher.is_launched()


@pytest.mark.parametrize(("variables", "rank"), [({}, 0), ({"PMI_RANK": "3"}, 3), ({"OMPI_COMM_WORLD_RANK": "1"}, 1)])
def test_the_launcher_gives_the_rank(variables, rank, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launcher.launched_rank() == rank


@pytest.mark.parametrize(("name", "title"), launcher.SIZE_VARIABLES.items())
def test_a_launcher_of_another_mpi_is_an_error(name, title, monkeypatch):
    """Each of its processes would train alone, as rank 0 of 1."""
    launcher.require_launched_size(1, "Open MPI v4.1.4")
    monkeypatch.setenv(name, "2")
    launcher.require_launched_size(2, "Open MPI v4.1.4")
    with pytest.raises(SettingError) as caught:
        launcher.require_launched_size(1, "Open MPI v4.1.4")
    assert str(caught.value).startswith(
        f"{title} started 2 processes ({name}), but this one sees 1: it runs with Open MPI v4.1.4, and this is not the "
        f"launcher of that MPI; start with"
    )


def test_below_mpirun_the_tasks_of_srun_are_its_daemons(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "16")
    launcher.require_launched_size(16, "Open MPI v4.1.4")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4", "Open MPI v4.1.4"),
        ("MPICH Version:      5.0.2\nMPICH Release date: Mon Sep 7\n", "MPICH 5.0.2"),
    ],
)
def test_the_name_of_an_mpi_library_is_short(text, name):
    assert launcher.first_words(text) == name
