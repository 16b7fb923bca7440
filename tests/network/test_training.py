"""Trainings over nodes: weights as on one machine, and the end of a job that loses a node or its network."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.network.nodes import REPOSITORY, Cluster, job, why_not
from tests.support.tiny_training import command_line, write_scenes

SECONDS_TO_END = 30
# Each rank computes on a core of its own, so that the same threads add the same numbers on one node and on two.
ON_OWN_CORE = ["sh", "-c", 'exec taskset -c $((OMPI_COMM_WORLD_RANK % $(nproc))) "$@"', "sh"]
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", autouse=True)
def require_nodes() -> None:
    if reason := why_not():
        pytest.skip(f"no network namespaces as nodes: {reason}")
    pytest.importorskip("horovod", reason="Horovod is missing: run ./install.sh")


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The environment of a job: that of this process, without variables of another launcher, and `jobs/site.sh`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))}
    shown = subprocess.check_output(["bash", "-c", ". jobs/site.sh && env -0"], cwd=REPOSITORY, env=own, text=True)
    return dict(item.split("=", 1) for item in shown.split("\0") if item)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two scenes, a list of them, and their patches after the first run."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder)
    return folder


def training(data: Path, run: Path, epochs: int) -> list[str]:
    """Return the command of a run with the tiny network."""
    options = {
        "tiles": data / "tiles.txt",
        "patch_cache": data / "patches",
        "patches_per_tile": 8,
        "batch_size": 2,
        "epochs": epochs,
        "run_dir": run,
    }
    return [sys.executable, "-m", "tests.support.tiny_training", *command_line(options)]


def weights(run: Path) -> dict[str, np.ndarray]:
    """Return the weights of a run by name."""
    arrays = {}
    with h5py.File(run / "best.weights.h5") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


@pytest.fixture
def two_nodes() -> Iterator[Cluster]:
    with Cluster(2) as cluster:
        yield cluster


@pytest.mark.network
@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda cluster: cluster.nodes[1].kill(), id="killed"),
        pytest.param(lambda cluster: cluster.cut(1), id="cut"),  # waits for 25 s
    ],
)
def test_a_lost_node_ends_the_job_in_one_line(
    two_nodes: Cluster, data: Path, tmp_path: Path, environment: dict[str, str], lose: Callable[[Cluster], None]
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    with job([*two_nodes.mpirun(), *training(data, run, epochs=100000)], log, environment) as process:
        end = time.monotonic() + 200
        while not (run / "checkpoint.h5").exists():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        lost = time.monotonic()
        lose(two_nodes)
        assert process.wait(SECONDS_TO_END) != 0
        while any(node.processes() for node in two_nodes.nodes):  # a node that is cut notices it by itself
            assert time.monotonic() < lost + SECONDS_TO_END, "a rank is left behind"
            time.sleep(0.1)
    (line,) = [line for line in log.read_text().splitlines() if "SIGTERM" in line]
    assert "stopped by SIGTERM while this rank computes, or waits for other ranks" in line
    assert "Traceback" not in log.read_text()


@pytest.mark.network
def test_weights_of_two_nodes_are_those_of_two_ranks_on_one(
    two_nodes: Cluster, data: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    on_one = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-np", "2"]
    for name, launcher in (("one", on_one), ("two", two_nodes.mpirun())):
        command = [*launcher, *ON_OWN_CORE, *training(data, tmp_path / name, epochs=2)]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    of_one, of_two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert of_one.keys() == of_two.keys() and of_one
    for name, array in of_one.items():
        np.testing.assert_array_equal(of_two[name], array, err_msg=name)
