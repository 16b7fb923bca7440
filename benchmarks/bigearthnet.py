"""Rates of preparing BigEarthNet, compared with plain GDAL opens, and of reading the prepared file at random.

    python -m benchmarks.bigearthnet         prints one line of JSON
    python -m benchmarks.bigearthnet cold    the same for files that are not in memory; root only

The patches are made, and stored like those of the archive. The second form empties the system's caches of all files before
each round (`/proc/sys/vm/drop_caches`), so that it also slows down whatever else runs on the machine.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from osgeo import gdal

from benchmarks.measure import Result, Spent, run_child, seconds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.scenes.patch_folder import PATCH_BANDS
from common.training.batches import training_batches

PATCHES = 3000
FEW = 3  # patches; a run on so few measures the start of the command, which is left out of its rate
BATCH = 32
PROCESSES = 2
ROUNDS = 3
COLD = "cold"
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def drop_caches() -> None:
    """Make the system forget the content of all files, and all folders."""
    os.sync()
    DROP_CACHES.write_text("3")


def spent_by(function: Callable[[], object]) -> Spent:
    """Return the time of one call, and the processor time of this process and of the processes that it started and waited for."""

    def processor_seconds() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in used)

    started, processor = time.perf_counter(), processor_seconds()
    function()
    return Spent(time.perf_counter() - started, processor_seconds() - processor)


def make_archive(folder: Path) -> list[Path]:
    """Write copies of one made patch under different names; return their folders, sorted."""
    from tests.support.fake_safe import write_labelled_patch

    first = write_labelled_patch(folder, "S2A_MSIL2A_20170617T113321_0_0")
    for number in range(1, PATCHES):
        copy = folder / f"S2A_MSIL2A_20170617T113321_{number // 100}_{number % 100}"
        copy.mkdir()
        for file in first.iterdir():
            shutil.copyfile(file, copy / file.name.replace(first.name, copy.name))
    return sorted(folder.iterdir())


def write_lists(folder: Path, patches: list[Path]) -> Path:
    """Write lists of splits: one patch validates, one tests, all others train."""
    folder.mkdir()
    for split, part in (("train", patches[2:]), ("val", patches[:1]), ("test", patches[1:2])):
        (folder / f"{split}.csv").write_text("".join(f"{path.name}\n" for path in part))
    return folder


def read_plainly(patches: list[Path]) -> None:
    """Read the twelve GeoTIFFs of each patch with plain GDAL opens."""
    gdal.UseExceptions()
    for patch in patches:
        for band in PATCH_BANDS:
            gdal.Open(str(patch / f"{patch.name}_{band}.tif")).ReadAsArray()


def prepare_archive(root: Path, lists: Path, output: Path) -> None:
    """Run the whole command in its own process: start, lists, labels, images, finished file."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "bigearthnet.prepare",
            "--root",
            root,
            "--splits",
            lists,
            "--keep-snow-cloud",
            "--output",
            output,
            "--processes",
            str(PROCESSES),
            "--log-level",
            "ERROR",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def gather_rate(source: ClassificationPatches) -> float:
    """Return the rate of `read` alone in random order, patches/s."""
    order = np.random.default_rng(0).permutation(len(source) // BATCH * BATCH).reshape(-1, BATCH)

    def read() -> None:
        for patch_indices in order:
            source.read(patch_indices)

    return order.size / seconds(read)


def pipeline_rate(source: ClassificationPatches) -> float:
    """Return the rate of the training pipeline, patches/s: random order, flipped and turned, as tensors."""
    batches = iter(training_batches(source, BATCH, seed=0))
    next(batches)
    steps = 2 * len(source) // BATCH

    def take() -> None:
        for _ in range(steps):
            next(batches)

    return steps * BATCH / seconds(take)


def measure(cold: bool = False) -> dict[str, float]:
    """Measure all rates on one archive, patches/s: the best of several rounds, taken in turns.

    Rates by processor time have names that end in `_processor`. A cold measurement is one round, and stops after the preparation.
    """
    forget = drop_caches if cold else lambda: None
    spent: dict[str, list[Spent]] = {"plain": [], "start": [], "prepare": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "archive").mkdir()
        patches = make_archive(folder / "archive")
        lists, few = write_lists(folder / "lists", patches), write_lists(folder / "few", patches[:FEW])
        output = folder / "data.h5"
        ways = {
            "plain": lambda: read_plainly(patches),
            "start": lambda: prepare_archive(folder / "archive", few, output),
            "prepare": lambda: prepare_archive(folder / "archive", lists, output),
        }
        for _ in range(1 if cold else ROUNDS):
            for way, function in ways.items():
                output.unlink(missing_ok=True)  # freeing the space of an older file is not part of the measurement
                forget()
                spent[way].append(spent_by(function))
        plain, start, prepare = (Spent(*map(min, zip(*spent[way], strict=True))) for way in ways)
        rates = {
            "plain": PATCHES / plain.seconds,
            "plain_processor": PATCHES / plain.processor_seconds,
            "prepare": (PATCHES - FEW) / (prepare.seconds - start.seconds),
            "prepare_processor": (PATCHES - FEW) / (prepare.processor_seconds - start.processor_seconds),
        }
        if cold:
            return rates
        file = BigEarthNetFile(output)
        source = ClassificationPatches(file, np.arange(len(file)), "s2")
        gathering = max(gather_rate(source) for _ in range(ROUNDS))
        pipeline = max(pipeline_rate(source) for _ in range(ROUNDS))
    return {**rates, "gather": gathering, "pipeline": pipeline}


def run() -> list[Result]:
    """Return the rows of this benchmark."""
    rates = run_child([sys.executable, "-m", "benchmarks.bigearthnet"])[0]
    return [
        Result(
            f"bigearthnet-prepare, {PROCESSES} processes, without its start", f"{rates['prepare']:,.0f} patches/s", ""
        ),
        Result(
            "bigearthnet-prepare / plain GDAL opens in one process",
            f"{rates['prepare'] / rates['plain']:.1f}",
            "at least 4 on two cores",
        ),
        Result(
            "the same by processor time",
            f"{rates['prepare_processor'] / rates['plain_processor']:.1f} ({rates['prepare_processor']:,.0f} / "
            f"{rates['plain_processor']:,.0f} patches a processor second)",
            "",
        ),
        Result(
            "BigEarthNet HDF5, 12 bands, random rows, one process",
            f"{rates['gather']:,.0f} patches/s",
            "at least 10,000",
        ),
        Result(
            "BigEarthNet HDF5 -> tensors for the network, flipped and turned",
            f"{rates['pipeline']:,.0f} patches/s",
            "at least 10,000",
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(cold=COLD in sys.argv[1:])))
