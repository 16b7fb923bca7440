"""The job scripts on a real Slurm, a cluster of one node that the tests start.

Two scripts run with their real commands: a training of two ranks, which is stopped, requeued and ends, and an array
of predictions. What Slurm and the launchers do with signals and dead ranks is tried with a command that starts at once.
All jobs start together, because most of their time is waiting.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.slurm_cluster import PACKAGES, SlurmCluster, missing_programs, slurm_cluster, wait_until
from tests.support.tiny_training import write_scenes
from tests.test_jobs import write_program

EPOCHS = 30  # more than end between the first line of the log and the signal
SECONDS = 240  # for a test, on a busy machine
LAUNCHERS = ("mpirun", "srun")
TRAIN = "jobs/superres-train.sbatch"
PREDICT = "jobs/superres-predict.sbatch"
# Many ranks fit onto this machine side by side.
SHARED = ("--oversubscribe", "--open-mode=append")
PAIR = (*SHARED, "--ntasks-per-node=2", "--time=10")
# A command that ends as training does: after a signal, together, with exit code 75. Its ranks say so.
SLEEPER = """
trap 'echo "rank got SIGUSR1"; sleep 2; exit 75' USR1
trap 'echo "rank got SIGTERM"; exit 75' TERM
echo "rank is process $$"
for i in {1..3000}; do sleep 0.2; done
"""

pytestmark = pytest.mark.timeout(SECONDS + 20)


class Jobs:
    """Jobs of a cluster by name; their results and outputs are in a folder.

    Args:
        cluster: where they run.
        folder: for everything that they write.
    """

    def __init__(self, cluster: SlurmCluster, folder: Path):
        self.cluster = cluster
        self.folder = folder
        self.numbers: dict[str, str] = {}
        write_program(folder / "sleeper" / "bin" / "python", SLEEPER)

    def submit(self, name: str, *words: object, **variables: str) -> None:
        """Submit a job under a name; the words are those of sbatch."""
        settings = {"JEOPARDA_SCRATCH": str(self.folder), "JEOPARDA_VENV": sys.prefix, **variables}
        files = (f"--job-name={name}", f"--output={self.folder}/%x.out")
        self.numbers[name] = self.cluster.submit(*files, *words, **settings)

    def submit_sleeper(self, name: str, *words: object, **variables: str) -> None:
        """Submit a training of two ranks whose command only waits for a signal."""
        variables = {"JEOPARDA_VENV": str(self.folder / "sleeper"), **variables}
        self.submit(name, *PAIR, *words, TRAIN, "--tiles", "none", **variables)

    def output(self, name: str) -> str:
        """Return what a job has written so far."""
        path = self.folder / f"{name}.out"
        return path.read_text() if path.exists() else ""

    def details(self, name: str) -> dict[str, str]:
        """Return what Slurm knows about a job, such as JobState, ExitCode and Restarts."""
        return self.cluster.details(self.numbers[name])

    def wait_for(self, name: str, **expected: str) -> None:
        """Wait until Slurm says about a job what is expected, such as JobState="FAILED"."""
        try:
            wait_until(lambda: expected.items() <= self.details(name).items(), SECONDS)
        except TimeoutError:
            seen = {key: self.details(name).get(key) for key in expected}
            pytest.fail(f"{name} is to have {expected}, but has {seen}; its output:\n{self.output(name)}")

    def wait_for_text(self, name: str, pattern: str, count: int = 1) -> list[str]:
        """Return all matches of a pattern in a job's output as soon as there are `count`."""
        try:
            return wait_until(lambda: len(found := re.findall(pattern, self.output(name))) >= count and found, SECONDS)
        except TimeoutError:
            pytest.fail(f"{name} has not written {pattern!r} {count} times; its output:\n{self.output(name)}")

    def restart(self, name: str) -> None:
        """Wait until a job is requeued, and start it with more time.

        By itself Slurm starts it after two minutes. In the second of its end, the node would refuse it.
        """
        wait_until(lambda: int(self.details(name)["Restarts"]) > 0, SECONDS)
        self.cluster.run("scontrol", "update", f"JobId={self.numbers[name]}", "StartTime=now+3", "TimeLimit=10")

    def cancel(self, name: str, *options: str, task: str = "") -> None:
        """Cancel a job or a task of it, or send it the signal that the options name."""
        assert self.cluster.run("scancel", *options, self.numbers[name] + task).returncode == 0


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """All jobs, submitted together."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: install Slurm ({PACKAGES}) to run the tests of job scripts")
    folder = tmp_path_factory.mktemp("scratch")
    with slurm_cluster() as cluster:
        jobs = Jobs(cluster, folder)
        for launcher in LAUNCHERS:
            jobs.submit_sleeper(f"limit-{launcher}", "--time=6", JEOPARDA_LAUNCHER=launcher)
            jobs.submit_sleeper(f"killed-{launcher}", JEOPARDA_LAUNCHER=launcher)
        jobs.submit_sleeper("often", JEOPARDA_REQUEUES="0")
        jobs.submit_sleeper("gpus", "--gres=gpu:2", "--ntasks-per-node=3")
        yield jobs


@pytest.fixture(scope="module")
def training(jobs: Jobs) -> str:
    """The name of a job that trains with two ranks."""
    products = jobs.folder / "products"
    products.mkdir()
    tiles = write_scenes(products)
    size = ("--patches-per-tile", 8, "--batch-size", 2, "--epochs", EPOCHS)
    jobs.submit("train", *PAIR, TRAIN, "--tiles", tiles, "--model", "tiny", *size)
    return "train"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_rank_that_dies_ends_the_job(jobs: Jobs, launcher: str) -> None:
    name = f"killed-{launcher}"
    processes = jobs.wait_for_text(name, r"rank is process (\d+)", 2)
    os.kill(int(processes[0]), signal.SIGKILL)
    jobs.wait_for(name, JobState="FAILED")


def test_a_job_is_requeued_only_as_often_as_the_site_allows(jobs: Jobs) -> None:
    jobs.wait_for_text("often", "rank is process", 2)
    jobs.cancel("often", "--signal=USR1", "--batch")
    jobs.wait_for("often", JobState="FAILED", ExitCode="75:0")
    assert "was requeued 0 times, as often as JEOPARDA_REQUEUES allows; submit it again" in jobs.output("often")


def test_more_ranks_than_gpus(jobs: Jobs) -> None:
    jobs.wait_for("gpus", JobState="FAILED", ExitCode="2:0")
    assert jobs.output("gpus") == (
        "3 ranks on the 2 GPUs of a node; a rank needs a GPU of its own: give --ntasks-per-node=2, or more nodes\n"
    )


def test_a_partition_that_does_not_exist(jobs: Jobs) -> None:
    done = jobs.cluster.run("sbatch", "--partition=nowhere", TRAIN)
    assert (done.returncode, "invalid partition specified: nowhere" in done.stderr) == (1, True)


def test_jobs_of_one_name_run_one_after_the_other(jobs: Jobs) -> None:
    """So two jobs do not share a run folder. If they are made to, the second one refuses: see tests/faults."""
    number = jobs.cluster.submit("--job-name=limit-srun", *PAIR, TRAIN, JEOPARDA_SCRATCH=str(jobs.folder))
    details = jobs.cluster.details(number)
    assert (details["JobState"], details["Dependency"]) == ("PENDING", "singleton(unfulfilled)")
    assert jobs.cluster.run("scancel", number).returncode == 0


@pytest.mark.long
def test_a_stopped_training_is_requeued(jobs: Jobs, training: str) -> None:
    """A signal to the script alone is what `#SBATCH --signal=B:USR1` sends."""
    jobs.wait_for_text(training, f"epoch 1/{EPOCHS} ")
    jobs.cancel(training, "--signal=USR1", "--batch")
    jobs.restart(training)
    assert re.search("Interrupted: stopped by SIGUSR1 after .*, which is saved", jobs.output(training))


def test_a_job_is_requeued_before_its_time_limit_but_not_after_scancel(jobs: Jobs) -> None:
    """Slurm sends the early signal itself here, 30 to 60 s after the start. Both signals end the command with one exit code."""
    names = [f"limit-{launcher}" for launcher in LAUNCHERS]
    for name in names:
        jobs.restart(name)
    for name in names:
        jobs.wait_for_text(name, "rank is process", 4)
        jobs.cancel(name)
    for name in names:
        jobs.wait_for(name, JobState="CANCELLED")
        assert jobs.output(name).count("rank got SIGUSR1") >= 2
        assert jobs.output(name).count("is requeued and goes on") == int(jobs.details(name)["Restarts"])


@pytest.mark.long
def test_a_requeued_training_goes_on_and_ends(jobs: Jobs, training: str) -> None:
    jobs.wait_for(training, JobState="COMPLETED", Restarts="1")
    assert json.loads((jobs.folder / "runs" / "train" / "config.json").read_text())["ranks"] == 2
    epochs = re.findall(rf" epoch (\d+)/{EPOCHS} ", jobs.output("train"))
    assert [int(epoch) for epoch in epochs] == list(range(1, EPOCHS + 1))  # none is repeated


@pytest.mark.long
def test_an_array_takes_up_what_an_earlier_one_left(jobs: Jobs) -> None:
    products = sorted((jobs.folder / "products").glob("*.SAFE"))
    words = (*products, "--run-dir", jobs.folder / "runs" / "train", "--window", 120)
    options = (*SHARED, "--job-name=sharp", "--cpus-per-task=2", "--time=10")
    variables = {"JEOPARDA_LAUNCHER": "srun"}
    jobs.submit("first", *options, "--hold", "--array=1-2", PREDICT, *words, **variables)
    jobs.cancel("first", task="_2")
    assert jobs.cluster.run("scontrol", "release", jobs.numbers["first"]).returncode == 0
    again = (f"--dependency=afterany:{jobs.numbers['first']}", f"--output={jobs.folder}/again.out", "--array=1")
    jobs.submit("again", *options, *again, PREDICT, *words, **variables)
    jobs.wait_for("again", JobState="COMPLETED")
    assert "1 of 2 results exist; 1 are to be written" in jobs.output("again")
    results = sorted((jobs.folder / "sharpened" / "sharp").glob("*.tif"))
    assert [path.stem for path in results] == [path.stem for path in products]
