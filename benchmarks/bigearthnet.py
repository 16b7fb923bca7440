"""Rates of preparing BigEarthNet, compared with plain GDAL opens, and of reading the prepared file at random.

    python benchmarks/bigearthnet.py    prints one line of JSON

The patches are made, and stored like those of the archive.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from osgeo import gdal

from benchmarks.measure import Result, run_child, seconds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.scenes.patch_folder import PATCH_BANDS
from common.training.batches import training_batches

PATCHES = 3000
FEW = 3  # patches; a run on so few measures the start of the command, which is left out of its rate
BATCH = 32
PROCESSES = 2
ROUNDS = 3


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


def measure() -> dict:
    """Measure all rates on one archive, patches/s: the best of several rounds, taken in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "archive").mkdir()
        patches = make_archive(folder / "archive")
        lists, few = write_lists(folder / "lists", patches), write_lists(folder / "few", patches[:FEW])
        output = folder / "data.h5"
        plain_seconds, prepare_seconds, start_seconds = [], [], []
        for _ in range(ROUNDS):
            output.unlink(missing_ok=True)
            plain_seconds.append(seconds(lambda: read_plainly(patches)))
            start_seconds.append(seconds(lambda: prepare_archive(folder / "archive", few, output)))
            output.unlink()  # freeing the space of an older file is not part of the measurement
            prepare_seconds.append(seconds(lambda: prepare_archive(folder / "archive", lists, output)))
        file = BigEarthNetFile(output)
        source = ClassificationPatches(file, np.arange(len(file)), "s2")
        gathering = max(gather_rate(source) for _ in range(ROUNDS))
        pipeline = max(pipeline_rate(source) for _ in range(ROUNDS))
    return {
        "plain": PATCHES / min(plain_seconds),
        "prepare": (PATCHES - FEW) / (min(prepare_seconds) - min(start_seconds)),
        "gather": gathering,
        "pipeline": pipeline,
    }


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
    print(json.dumps(measure()))
