"""Jobs of two ranks: the tests of `tests/mpi`, and the end of a job when one of its ranks fails."""

import http.client
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import common.distributed as hvd
from common.backends.launcher import RANK_VARIABLES
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.launcher import MPIRUN_ANYWHERE
from tests.support.tiny_training import TILES, command_line, write_scenes

ROOT = Path(__file__).parent.parent
# `./install.sh --mpi4py` puts mpirun beside Python.
MPIRUN = shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
BACKENDS = hvd.installed_backends()
SECONDS = 600  # for all of tests/mpi, beside another test process
SECONDS_TO_END = 30  # for a job after one of its ranks has failed
MARK = "JEOPARDA_TEST_JOB"  # environment variable by which the processes of a job are found

pytestmark = pytest.mark.timeout(SECONDS + 20)


@pytest.fixture(scope="module", autouse=True)
def require_mpi() -> None:
    """Skip if the launcher is missing, or all that could join the ranks."""
    if MPIRUN is None:
        pytest.skip("mpirun is missing: install Open MPI (openmpi-bin) to run the tests of two ranks")
    if not BACKENDS:
        pytest.skip("Horovod and mpi4py are missing: run ./install.sh to run the tests of two ranks")


class Job:
    """Two ranks of a Python command.

    Args:
        log: file for the output of both ranks.
        arguments: arguments of Python.
        variables: further environment variables.
    """

    def __init__(self, log: Path, *arguments: object, **variables: str):
        self.log = log
        self.mark = uuid.uuid4().hex
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMI"))},
            **MPIRUN_ANYWHERE,
            MARK: self.mark,
            **variables,
        }
        with open(log, "w") as output:
            self.process = subprocess.Popen(
                [MPIRUN, "-np", "2", "--bind-to", "none", sys.executable, *map(str, arguments)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def lines_with(self, text: str) -> list[str]:
        return [line for line in self.output.splitlines() if text in line]

    def wait(self, seconds: float) -> int:
        """Return the exit code. Fail with the output of the job if it does not end in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"two ranks did not end within {seconds} s; they wrote:\n{self.output}")

    def wait_until(self, ready: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until `ready` returns True. Fail with the output of the job if it ends or takes too long."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the job ended too early or hangs; it wrote:\n{self.output}")
            time.sleep(0.1)

    def ranks(self) -> dict[int, int]:
        """Return the process id of each running rank."""
        process_ids = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                items = (folder / "environ").read_text(errors="replace").split("\0")
                variables = dict(item.split("=", 1) for item in items if "=" in item)
                is_zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:  # the process has just ended, or belongs to another user
                continue
            rank = next((variables[name] for name in RANK_VARIABLES if name in variables), None)
            if variables.get(MARK) == self.mark and rank is not None and not is_zombie:
                process_ids[int(rank)] = int(folder.name)
        return process_ids


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """A function that starts jobs; those that still run are ended after the test."""
    jobs = []

    def start_job(*arguments: object, **variables: str) -> Job:
        jobs.append(Job(tmp_path / f"job{len(jobs)}.log", *arguments, **variables))
        return jobs[-1]

    yield start_job
    for job in jobs:
        job.process.kill()
        job.process.wait()
        for process_id in job.ranks().values():
            os.kill(process_id, signal.SIGKILL)


def training(tiles: Path, folder: Path, **settings: object) -> list[object]:
    """Return the arguments of Python for a run with the tiny network."""
    options = {
        "tiles": tiles,
        "run_dir": folder / "run",
        "patch_cache": folder / "patches",
        "patches_per_tile": 8,
        "batch_size": 2,
        **settings,
    }
    return ["-m", "tests.support.tiny_training", *command_line(options)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_ranks(start: Callable[..., Job], backend: str) -> None:
    """All tests with the first backend; those of its calls with another one, in processes of their own."""
    names = [""] if backend == BACKENDS[0] else ["test_distributed.py", "test_averaging.py"]
    paths = [f"tests/mpi/{name}" for name in names]
    words = ("--color=no", "-p", "no:cacheprovider", "-m", "mpi and not slow")
    job = start("-m", "pytest", *words, *paths, JEOPARDA_BACKEND=backend)
    code = job.wait(SECONDS)
    assert code == 0, f"the tests of two ranks failed:\n{job.output}"
    assert len(job.lines_with(" passed")) == 2, f"a rank ran no tests:\n{job.output}"
    assert "skipped" not in job.output, f"a rank skipped tests:\n{job.output}"


def test_rank_that_fails_ends_the_job(start: Callable[..., Job], tmp_path: Path) -> None:
    """Rank 1 cuts the second scene, which holds only nodata, while rank 0 waits for its patches."""
    tiles = write_scenes(tmp_path, count=1)
    pixels = with_nodata(textured_pixels(np.random.default_rng(1), 120), 0, 0, 120, 120)
    empty = write_safe(tmp_path, tile=TILES[1], size=120, pixels=pixels, upper_left=(700000, 5300040))
    tiles.write_text(f"{tiles.read_text()}{empty.stem}\n")
    job = start(*training(tiles, tmp_path))
    job.wait_until(lambda: bool(job.lines_with("ProductError")))
    assert job.wait(SECONDS_TO_END) == 1
    assert job.ranks() == {}
    (line,) = job.lines_with("ProductError")
    assert line == (
        f"[rank 1] ProductError: {empty.stem} has no patch of 32 px without nodata at 20 m; take it out of the list."
    )
    assert "Traceback" not in job.output
    assert [path.name for path in (tmp_path / "patches").iterdir() if TILES[0] not in path.name] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_error_of_all_ranks_is_printed_once(start: Callable[..., Job], tmp_path: Path, backend: str) -> None:
    job = start(*training(tmp_path / "none.txt", tmp_path), JEOPARDA_BACKEND=backend)
    assert job.wait(120) == 1
    assert job.ranks() == {}
    (line,) = job.lines_with("Error")
    assert line == (
        f"TileListError: the tile list {tmp_path}/none.txt does not exist; give a text file with one scene a line."
    )
    assert "Traceback" not in job.output


# Rank 0 sends 1 MiB to rank 1, which does not receive it before another message.
SEND = """
import time
import common.distributed as hvd
hvd.init()
from mpi4py import MPI
ranks, message = MPI.COMM_WORLD, bytearray(2**20)
if ranks.rank == 0:
    request, end = ranks.Isend(message, 1), time.monotonic() + 1
    while not (left := request.Test()) and time.monotonic() < end:
        time.sleep(0.01)
    print("left without asking" if left else "asked first")
    ranks.send(None, 1, tag=1)
    request.Wait()
else:
    ranks.recv(source=0, tag=1)
    ranks.Recv(message)
"""


@pytest.mark.skipif("mpi4py" not in BACKENDS, reason="mpi4py is missing")
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, "left without asking"), ({"OMPI_MCA_btl_tcp_eager_limit": "65536"}, "asked first")],
    ids=["default", "chosen"],
)
def test_a_message_of_gradients_leaves_without_asking_the_other_rank(
    start: Callable[..., Job], chosen: dict[str, str], expected: str
) -> None:
    """Over TCP, Open MPI 4.1 and 5.0 ask from 64 KiB on, unless told otherwise; the user's choice stays."""
    if "Open MPI" not in subprocess.run([MPIRUN, "--version"], capture_output=True, text=True).stdout:
        pytest.skip(f"{MPIRUN} is not the mpirun of Open MPI")
    job = start("-c", SEND, JEOPARDA_BACKEND="mpi4py", OMPI_MCA_btl="self,tcp", **chosen)
    assert job.wait(60) == 0, job.output
    assert job.lines_with(expected), job.output


def http_answers(process_id: int) -> list[str]:
    """Return how each TCP port that a process listens on answers a request, if it speaks HTTP."""
    process = Path("/proc", str(process_id))
    sockets = {os.readlink(path) for path in (process / "fd").iterdir() if path.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in (process / "net" / name).read_text().splitlines()[1:]]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
    answers = []
    for port in ports:
        with closing(http.client.HTTPConnection("localhost", port, timeout=2)) as connection:
            try:
                connection.request("GET", "/")
                answers.append(f"port {port}: {connection.getresponse().status}")
            except (OSError, http.client.HTTPException):  # it speaks something else, as MPI does
                pass
    return answers


def test_http_servers_are_found() -> None:
    with http.server.HTTPServer(("localhost", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request).start()
        assert http_answers(os.getpid()) == [f"port {server.server_port}: 501"]


def test_rank_that_is_killed_ends_the_job(start: Callable[..., Job], tmp_path: Path) -> None:
    """Until then no process of the job has a server that speaks HTTP, such as those of `horovodrun`."""
    job = start(*training(write_scenes(tmp_path), tmp_path, epochs=100000))
    job.wait_until((tmp_path / "run" / "checkpoint.h5").exists)
    ranks = job.ranks()
    assert set(ranks) == {0, 1}
    assert [answers for process_id in (*ranks.values(), job.process.pid) for answers in http_answers(process_id)] == []
    os.kill(ranks[1], signal.SIGKILL)
    assert job.wait(SECONDS_TO_END) != 0
    assert job.ranks() == {}
    assert "Traceback" not in job.output
