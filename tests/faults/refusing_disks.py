"""Disks that refuse to write: full before or during a training, and read-only before or during it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.faults import disks, runs
from tests.faults.applications import EPOCHS
from tests.faults.bench import SECONDS_OF_A_RUN, Bench, Benches, without_folder
from tests.faults.disks import DiskError
from tests.faults.jobs import Job
from tests.faults.table import Outcome

MEGABYTES = 16
LEFT_BYTES = 20000  # less than a checkpoint
Case = Callable[[Bench, Path, int, Outcome], None]


def try_full_disk(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Fill the disk before a training or during it, by turns."""
    return try_disks(benches, tries, rng, {"full from the start": full_before, "full": full_during})


def try_read_only(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Make the disk read-only before a training is continued or during a training, by turns."""
    return try_disks(benches, tries, rng, {"read-only from the start": read_only_before, "read-only": read_only_during})


def try_disks(benches: Benches, tries: int, rng: np.random.Generator, cases: dict[str, Case]) -> Iterator[Outcome]:
    """Try the cases by turns, each on a disk of its own; yield an outcome for each try."""
    for number in range(tries):
        title = list(cases)[number % len(cases)]
        bench, outcome = benches.choose(rng), Outcome(f"a disk that is {title}")
        folder = bench.folder / f"{title.replace(' ', '-')}{number}"
        try:
            cases[title](bench, folder, int(rng.integers(1, EPOCHS)), outcome)
        except DiskError as error:
            outcome.skipped = str(error)
        yield outcome


def full_before(bench: Bench, disk: Path, epoch: int, outcome: Outcome) -> None:
    with disks.small_disk(disk, MEGABYTES):
        fill(disk)
        check_refusal(bench.start(disk / "run"), disk, outcome)
        (disk / "filler").unlink()
        bench.check_resume(disk / "run", 0, outcome)


def full_during(bench: Bench, disk: Path, epoch: int, outcome: Outcome) -> None:
    with disks.small_disk(disk, MEGABYTES):
        job = bench.start(disk / "run")
        job.wait_until(lambda: runs.finished_epochs(job.output) >= epoch, SECONDS_OF_A_RUN)
        fill(disk)
        check_refusal(job, disk, outcome)
        (disk / "filler").unlink()
        bench.check_resume(disk / "run", runs.finished_epochs(job.output), outcome)


def read_only_before(bench: Bench, disk: Path, epoch: int, outcome: Outcome) -> None:
    with disks.small_disk(disk, MEGABYTES):
        if bench.start(disk / "run", epochs=epoch).wait(SECONDS_OF_A_RUN) != 0:
            outcome.lost.append("the training before the fault failed")
        disks.run("mount", "-o", "remount,ro", disk)
        check_refusal(bench.start(disk / "run", "--resume"), disk, outcome)
        disks.run("mount", "-o", "remount,rw", disk)
        bench.check_resume(disk / "run", epoch, outcome)


def read_only_during(bench: Bench, disk: Path, epoch: int, outcome: Outcome) -> None:
    """Abort the file system, as the kernel does after an error of the disk: from then on it is read-only."""
    image = disk.with_suffix(".img")
    disks.make_disk(image, "ext4")
    with disks.mounted(image, "ext4", disk):
        job = bench.start(disk / "run")
        job.wait_until(lambda: runs.finished_epochs(job.output) >= epoch, SECONDS_OF_A_RUN)
        disks.run("mount", "-o", "remount,abort", disk)
        finished = runs.finished_epochs(job.output)
        check_refusal(job, disk, outcome)
    disks.run("e2fsck", "-fp", image, accepted=(0, 1))
    with disks.mounted(image, "ext4", disk):
        bench.check_resume(disk / "run", finished - 1, outcome)  # the last one may have been reported during the abort


def fill(disk: Path) -> None:
    """Fill a disk up to some kilobytes."""
    with open(disk / "filler", "wb") as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        os.posix_fallocate(file.fileno(), 0, max(1, free - LEFT_BYTES))


def check_refusal(job: Job, disk: Path, outcome: Outcome) -> None:
    """Note it unless a job ends with one line that names the fault; a job that needs no space any more may end well."""
    code = job.wait(SECONDS_OF_A_RUN)
    job.end()
    lines = runs.error_lines(job.output)
    if code != 0 and (code != 1 or len(lines) != 1 or "Traceback" in job.output):
        last = (lines or job.output.strip().splitlines() or [""])[-1]
        outcome.untidy.append(f"ends with {code}, {len(lines)} messages: {without_folder(last, disk)}")
