"""Start two jobs on one run folder: one must work as if it were alone, the other must say who is there."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.faults import disks, jobs, runs
from tests.faults.bench import SECONDS_OF_A_RUN, Bench, Benches, without_folder
from tests.faults.jobs import Job
from tests.faults.table import Outcome

OTHER_HOST = "other-host"
HOLDER = "process "  # the word before the number of the process that is there


def try_two_jobs(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Try each pair of jobs in turn; yield an outcome for each try."""
    for number in range(tries):
        title, pair = PAIRS[number % len(PAIRS)]
        bench, outcome = benches.choose(rng), Outcome(f"two jobs: {title}")
        started: list[Job] = []
        try:
            pair(bench, bench.folder / f"shared{number}", started, outcome)
        except disks.DiskError as error:
            outcome.skipped = str(error)
        finally:
            for job in started:
                job.end()
        yield outcome


def resume_of_a_running_job(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    started.append(bench.start(run_dir))
    started[0].wait_until(lambda: runs.finished_epochs(started[0].output) > 0, SECONDS_OF_A_RUN)
    started.append(bench.start(run_dir, "--resume"))
    check_pair(bench, run_dir, started, outcome)


def start_beside_a_running_job(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    started.append(bench.start(run_dir))
    started[0].wait_until(lambda: runs.finished_epochs(started[0].output) > 0, SECONDS_OF_A_RUN)
    started.append(bench.start(run_dir, "--overwrite"))
    check_pair(bench, run_dir, started, outcome)


def two_starts(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    started += [bench.start(run_dir), bench.start(run_dir)]
    check_pair(bench, run_dir, started, outcome)


def two_resumes(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    kill_after_an_epoch(bench, run_dir)
    started += [bench.start(run_dir, "--resume"), bench.start(run_dir, "--resume")]
    check_pair(bench, run_dir, started, outcome)


def resume_after_a_kill(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    kill_after_an_epoch(bench, run_dir)
    bench.check_resume(run_dir, 1, outcome)


def resume_beside_another_host(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    started.append(start_on_other_host(bench, run_dir))
    started[0].wait_until(lambda: "parameters" in started[0].output, SECONDS_OF_A_RUN)
    started.append(bench.start(run_dir, "--resume"))
    check_pair(bench, run_dir, started, outcome)
    if started[1].code and OTHER_HOST not in started[1].output:
        outcome.untidy.append("the message does not name the host")


def resume_after_a_kill_of_another_host(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    job = start_on_other_host(bench, run_dir)
    job.wait_until(lambda: runs.finished_epochs(job.output) > 0, SECONDS_OF_A_RUN)
    job.end()
    bench.check_resume(run_dir, 1, outcome)


PAIRS: tuple[tuple[str, Callable[[Bench, Path, list[Job], Outcome], None]], ...] = (
    ("--resume while the first runs", resume_of_a_running_job),
    ("--overwrite while the first runs", start_beside_a_running_job),
    ("two starts at once", two_starts),
    ("two --resume at once", two_resumes),
    ("--resume right after a kill", resume_after_a_kill),
    ("--resume beside a job of another host", resume_beside_another_host),
    ("--resume after a job of another host was killed", resume_after_a_kill_of_another_host),
)


def kill_after_an_epoch(bench: Bench, run_dir: Path) -> None:
    """Leave a run folder as a killed job does."""
    job = bench.start(run_dir)
    job.wait_until(lambda: runs.finished_epochs(job.output) > 0, SECONDS_OF_A_RUN)
    job.send(signal.SIGKILL, job.processes())
    job.wait(10)


def start_on_other_host(bench: Bench, run_dir: Path) -> Job:
    """Start a training that sees another name of the machine.

    Raises:
        DiskError: only root may do this.
    """
    disks.run("unshare", "--uts", "true")
    arguments = bench.application.arguments(bench.application.words(run_dir))
    script = f'hostname {OTHER_HOST} && exec "$@"'
    function = jobs.exec_function("unshare", "--uts", "sh", "-c", script, "sh", sys.executable, *arguments)
    return Job(bench.folder / f"{run_dir.name}-{OTHER_HOST}.log", function)


def check_pair(bench: Bench, run_dir: Path, started: list[Job], outcome: Outcome) -> None:
    """Note it unless one job ends well, as if alone, and the other says who is there."""
    codes = sorted(str(job.wait(SECONDS_OF_A_RUN)) for job in started)
    if codes != ["0", "1"]:
        outcome.lost.append(f"the two jobs end with {' and '.join(codes)}")
    for job in started:
        if job.code == 0:
            bench.check_finished(job, run_dir, outcome)
            continue
        lines = runs.error_lines(job.output)
        if len(lines) != 1 or HOLDER not in lines[0] or "Traceback" in job.output:
            outcome.untidy.append(f"does not say who is there: {without_folder(' '.join(lines), run_dir)}")
