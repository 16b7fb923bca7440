"""Cut the power while files are written: each file on the copied disk must be whole, or absent."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.faults import applications, disks
from tests.faults.applications import make_application
from tests.faults.bench import Benches
from tests.faults.disks import DiskError
from tests.faults.jobs import Job
from tests.faults.power_cuts import KINDS, SECONDS_TO_START
from tests.faults.table import Outcome

LONGEST_PAUSE = 1.0  # seconds between two cuts
KINDS_OF_FILES = 3
NAMES = 8  # patches of the archive
Write = Callable[[Path], None]


def try_power_cuts_of_files(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Write patch files, predictions and prepared files on ext4 and XFS; yield an outcome for each cut."""
    for kind in KINDS:
        if reason := disks.reason_to_skip(kind, benches.folder):
            yield Outcome(f"power cut while files are written, {kind}", skipped=reason)
        else:
            yield from cut_writing(benches.folder / f"{kind}-files", kind, tries, rng)


def cut_writing(folder: Path, kind: str, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Write files without end on a disk, copy the disk at random moments, and compare each copy with the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    image, disk = folder / "disk.img", folder / "disk"
    inputs = Job(folder / "inputs.log", lambda: make_inputs(folder / "inputs"))
    if inputs.wait(SECONDS_TO_START) != 0:
        raise RuntimeError(f"the inputs cannot be made:\n{inputs.output}")
    disks.make_disk(image, kind)
    with disks.mounted(image, kind, disk):
        job = Job(folder / "live.log", lambda: write_without_end(folder / "inputs", disk))
        try:
            job.wait_until(lambda: len(written(job.output)) > KINDS_OF_FILES, SECONDS_TO_START)
            cuts = [make_cut(job, image, folder / f"cut{number}.img", rng) for number in range(tries)]
            job.send(signal.SIGKILL, job.processes())
        finally:
            job.end()
        for cut, reported in cuts:
            outcome = Outcome(f"power cut while files are written, {kind}")
            try:
                with disks.mounted(cut, kind, folder / "after"):
                    outcome.lost += compare(folder / "after", disk, reported)
            except DiskError as error:
                outcome.lost.append(f"the disk: {error}")
            cut.unlink()
            yield outcome


def make_cut(job: Job, image: Path, target: Path, rng: np.random.Generator) -> tuple[Path, list[str]]:
    """Copy the disk at a random moment; return the copy, and the files that were reported as written before."""
    time.sleep(rng.uniform(0, LONGEST_PAUSE))
    reported = written(job.output)
    disks.copy_as_cut(image, target)
    if job.has_ended():
        raise RuntimeError(f"a command failed before any fault:\n{job.output}")
    return target, reported


def compare(after: Path, disk: Path, reported: Sequence[str]) -> list[str]:
    """Return what is wrong with the files after a cut: those that were reported are missing, or some are not whole."""
    found = [f"{ending(name)}: finished, but missing" for name in reported if not (after / name).exists()]
    for path in sorted(after.iterdir()):
        name = path.name
        if path.is_dir() or name.startswith(".") or name.endswith(".part"):  # temporary, or still to be filled
            continue
        if not (disk / name).exists() or path.read_bytes() != (disk / name).read_bytes():
            found.append(f"{ending(name)}: not whole")
    return found


def ending(name: str) -> str:
    """Return the name without the number of the round."""
    return name.partition("-")[2]


def written(output: str) -> list[str]:
    """Return the names of files that `write_without_end` reported."""
    return [line.removeprefix("written: ") for line in output.splitlines() if line.startswith("written: ")]


def make_inputs(folder: Path) -> int:
    """Write two scenes, a run of one epoch, and an archive of patch folders. Runs in a forked process."""
    from tests.support.fake_safe import write_labelled_patch

    application = make_application(folder, "superres")
    names = [f"S2A_MSIL2A_20180413T95032_90_{number}" for number in range(NAMES)]
    for name in names:
        write_labelled_patch(folder / "archive", name)
    (folder / "splits").mkdir()
    for number, split in enumerate(("train", "val", "test")):
        (folder / "splits" / f"{split}.csv").write_text("".join(f"{name}\n" for name in names[number::3]))
    return applications.run("superres", application.words(folder / "run", 1))


def write_without_end(inputs: Path, disk: Path) -> int:
    """Write a patch file, a prediction and a prepared file, again and again. Runs in a forked process."""
    from bigearthnet import prepare
    from common.patches.extraction import make_patch_file
    from common.patches.settings import PatchSettings
    from common.scenes.tile_list import read_tile_list
    from superres import predict

    scene = read_tile_list(str(inputs / "tiles.txt"), None)[0]
    product, archive = next(inputs.glob("*.SAFE")), inputs / "archive"

    def run(main: Callable[[list[str]], int], *words: object) -> None:
        if main([str(word) for word in (*words, "--no-progress")]):
            raise RuntimeError("a command failed")

    writers: dict[str, Write] = {
        "patches.h5": lambda path: make_patch_file(scene, PatchSettings(20, 8), path),
        "prediction.tif": lambda path: run(
            predict.main, product, "--run-dir", inputs / "run", "--output", path, "--copy-10m"
        ),
        "prepared.h5": lambda path: run(
            prepare.main, "--root", archive, "--splits", inputs / "splits", "--output", path, "--processes", 1
        ),
    }
    for number in range(100000):
        for name, write in writers.items():
            write(disk / f"{number}-{name}")
            print(f"written: {number}-{name}", flush=True)
    return 0
