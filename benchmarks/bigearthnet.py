"""Preparing BigEarthNet against plain GDAL opens, and reading the prepared file at random.

    python benchmarks/bigearthnet.py    prints one line of JSON

On made patches, stored as those of the archive are.
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
FEW = 3  # what a run on so many takes is the command's start, which hours of reading make up for
BATCH = 32
PROCESSES = 2
ROUNDS = 3


def make_archive(folder: Path) -> list[Path]:
    """Copies of one made patch under different names."""
    from tests.support.fake_safe import write_labelled_patch

    first = write_labelled_patch(folder, "S2A_MSIL2A_20170617T113321_0_0")
    for number in range(1, PATCHES):
        copy = folder / f"S2A_MSIL2A_20170617T113321_{number // 100}_{number % 100}"
        copy.mkdir()
        for file in first.iterdir():
            shutil.copyfile(file, copy / file.name.replace(first.name, copy.name))
    return sorted(folder.iterdir())


def write_lists(folder: Path, patches: list[Path]) -> Path:
    """All patches train but two."""
    folder.mkdir()
    for split, part in (("train", patches[2:]), ("val", patches[:1]), ("test", patches[1:2])):
        (folder / f"{split}.csv").write_text("".join(f"{path.name}\n" for path in part))
    return folder


def read_plainly(patches: list[Path]) -> None:
    """The twelve GeoTIFFs of each patch, by plain GDAL opens."""
    gdal.UseExceptions()
    for patch in patches:
        for band in PATCH_BANDS:
            gdal.Open(str(patch / f"{patch.name}_{band}.tif")).ReadAsArray()


def prepare_archive(root: Path, lists: Path, output: Path) -> None:
    """The whole command in a process of its own: its start, lists, labels, images, the finished file."""
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
    """Patches/s of `read` alone, in random order."""
    order = np.random.default_rng(0).permutation(len(source) // BATCH * BATCH).reshape(-1, BATCH)

    def read() -> None:
        for numbers in order:
            source.read(numbers)

    return order.size / seconds(read)


def pipeline_rate(source: ClassificationPatches) -> float:
    """Patches/s of the training pipeline: random order, flipped and turned, tensors as the network takes them."""
    batches = iter(training_batches(source, BATCH, seed=0))
    next(batches)
    steps = 2 * len(source) // BATCH

    def take() -> None:
        for _ in range(steps):
            next(batches)

    return steps * BATCH / seconds(take)


def measure() -> dict:
    """All of it on one archive; the best of some rounds each, taken in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "archive").mkdir()
        patches = make_archive(folder / "archive")
        lists, few = write_lists(folder / "lists", patches), write_lists(folder / "few", patches[:FEW])
        output = folder / "data.h5"
        plain, prepared, start = [], [], []
        for _ in range(ROUNDS):
            output.unlink(missing_ok=True)
            plain.append(seconds(lambda: read_plainly(patches)))
            start.append(seconds(lambda: prepare_archive(folder / "archive", few, output)))
            output.unlink()  # to give back the room of an older file is not part of the work
            prepared.append(seconds(lambda: prepare_archive(folder / "archive", lists, output)))
        file = BigEarthNetFile(output)
        source = ClassificationPatches(file, np.arange(len(file)), "s2")
        gathering = max(gather_rate(source) for _ in range(ROUNDS))
        pipeline = max(pipeline_rate(source) for _ in range(ROUNDS))
    reading = min(prepared) - min(start)
    return {
        "plain": PATCHES / min(plain),
        "prepare": (PATCHES - FEW) / reading,
        "gather": gathering,
        "pipeline": pipeline,
    }


def run() -> list[Result]:
    """The rows of this benchmark."""
    found = run_child([sys.executable, "-m", "benchmarks.bigearthnet"])[0]
    return [
        Result(
            f"bigearthnet-prepare, {PROCESSES} processes, without its start", f"{found['prepare']:,.0f} patches/s", ""
        ),
        Result(
            "bigearthnet-prepare / plain GDAL opens in one process",
            f"{found['prepare'] / found['plain']:.1f}",
            "at least 4 on two cores",
        ),
        Result(
            "BigEarthNet HDF5, 12 bands, random rows, one process",
            f"{found['gather']:,.0f} patches/s",
            "at least 10,000",
        ),
        Result(
            "BigEarthNet HDF5 -> tensors for the network, flipped and turned",
            f"{found['pipeline']:,.0f} patches/s",
            "at least 10,000",
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure()))
