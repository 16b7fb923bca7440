"""Cut the power: copy the disk of a training at random moments, and continue the training on each copy."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import applications, disks, runs
from tests.faults.applications import Application, make_application
from tests.faults.bench import SECONDS_OF_A_RUN, Benches
from tests.faults.disks import DiskError
from tests.faults.jobs import Job
from tests.faults.table import Outcome

KINDS = ("ext4", "xfs")
LONGEST_PAUSE = 1.5  # seconds between two cuts
ENDLESS = 100000  # epochs
SECONDS_TO_START = 240


@dataclass(frozen=True)
class Cut:
    """A copy of a disk.

    Attributes:
        image: the copy.
        finished: number of the last epoch that was reported before the copy.
        later: the same after the copy.
    """

    image: Path
    finished: int
    later: int


def try_power_cuts(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Cut the power of trainings on ext4 and on XFS, each file system this often; yield an outcome for each cut."""
    for kind in KINDS:
        if reason := disks.reason_to_skip(kind, benches.folder):
            yield Outcome(f"power cut, {kind}", skipped=reason)
            continue
        shares = [len(share) for share in np.array_split(np.arange(tries), len(benches.names))]
        for name, share in zip(benches.names, shares, strict=True):
            application = make_application(benches.folder / "inputs", name)
            if share:
                yield from cut_training(application, benches.folder / f"{kind}-{name}", kind, share, rng)


def cut_training(
    application: Application, folder: Path, kind: str, tries: int, rng: np.random.Generator
) -> Iterator[Outcome]:
    """Train on a disk, copy it at random moments, and continue on each copy. The live run tells what is right."""
    folder.mkdir(parents=True, exist_ok=True)
    image, disk = folder / "disk.img", folder / "disk"
    disks.make_disk(image, kind)
    words = application.words(disk / "run", ENDLESS)
    with disks.mounted(image, kind, disk):
        job = Job(folder / "live.log", lambda: applications.run(application.name, words))
        try:
            cuts = list(make_cuts(job, image, folder, tries, rng))
            job.send(signal.SIGKILL, job.processes())
            job.wait(10)
        finally:
            job.end()
        expected = runs.history(disk / "run")
    for cut in cuts:
        outcome = Outcome(f"{application.name}: power cut, {kind}")
        try:
            with disks.mounted(cut.image, kind, folder / "after"):
                check_training(application, cut, folder / "after" / "run", expected, outcome)
        except DiskError as error:
            outcome.lost.append(f"the disk: {error}")
        cut.image.unlink()
        yield outcome


def make_cuts(job: Job, image: Path, folder: Path, tries: int, rng: np.random.Generator) -> Iterator[Cut]:
    """Copy the disk of a training at random moments: one in five before its first epoch has finished."""
    job.wait_until(lambda: "parameters" in job.output, SECONDS_TO_START)  # it starts to compile
    for number in range(tries):
        if number == tries // 5:
            job.wait_until(lambda: runs.finished_epochs(job.output) > 0, SECONDS_TO_START)
        time.sleep(rng.uniform(0, LONGEST_PAUSE))
        target = folder / f"cut{number}.img"
        finished = runs.finished_epochs(job.output)
        disks.copy_as_cut(image, target)
        if job.has_ended():
            raise RuntimeError(f"a training failed before any fault:\n{job.output}")
        yield Cut(target, finished, runs.finished_epochs(job.output))


def check_training(application: Application, cut: Cut, run_dir: Path, expected: list, outcome: Outcome) -> None:
    """Continue a training after a power cut for an epoch or two, and compare its history with that of the live run."""
    words = application.words(run_dir, cut.later + 2, "--resume")
    log = cut.image.with_suffix(".log")
    job = Job(log, lambda: applications.run(application.name, words))
    code = job.wait(SECONDS_OF_A_RUN)
    job.end()
    resumed = runs.resumed_after(job.output)
    if code != 0:
        reason = (runs.error_lines(job.output) or job.output.strip().splitlines() or [""])[-1]
        outcome.lost.append(f"--resume ends with {code}: {reason.replace(str(run_dir), 'RUN')}")
        return
    if resumed < cut.finished:
        outcome.lost.append(f"{cut.finished - resumed} finished epochs")
    if not is_start_of(runs.history(run_dir), expected):
        outcome.lost.append("the history differs from that of the live run")
    if partial := runs.partial_files(run_dir):
        outcome.untidy.append(f"{len(partial)} temporary files stayed after the next run")


def is_start_of(rows: list, expected: list) -> bool:
    """Return whether rows are the first ones of others, as far as these go."""
    return rows[: len(expected)] == expected[: len(rows)] and bool(rows)
