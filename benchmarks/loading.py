"""Rate of the training pipeline from a patch file to batches for a model: one process, file in the page cache.

python benchmarks/loading.py    prints one line of JSON
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

from benchmarks.measure import Result, run_child, seconds
from common.patches.file import PatchFile, write_patch_file
from common.training.batches import training_batches
from superres.training.patch_source import FusionPatches

PATCHES = 8000
BATCH = 32
GSD = 20


def write_patches(path: Path) -> None:
    """Write a patch file as `superres-train` does for one tile, with random DN."""
    rng = np.random.default_rng(0)
    shapes = {"input_10m": (32, 32, 4), "input_20m": (16, 16, 6), "target": (32, 32, 6)}
    arrays = {name: rng.integers(1, 10000, (PATCHES, *shape), dtype=np.uint16) for name, shape in shapes.items()}
    arrays |= {
        "row": np.zeros(PATCHES, np.int32),
        "col": np.zeros(PATCHES, np.int32),
        "block": np.zeros(PATCHES, np.int16),
    }
    write_patch_file(
        path,
        arrays,
        {
            "bands_10m": "B02,B03,B04,B08",
            "bands_20m": "B05,B06,B07,B8A,B11,B12",
            "bands_60m": "",
            "offsets": [-1000.0] * 10,
            "quantification_value": 10000.0,
            "scene": "random",
        },
    )


def pipeline_rate(path: Path) -> float:
    """Return the rate of the training pipeline, patches/s: random order, flipped and turned, in network units."""
    source = FusionPatches([PatchFile(path)], [np.arange(PATCHES)], GSD)
    batches = iter(training_batches(source, BATCH, seed=0))
    next(batches)
    steps = 2 * PATCHES // BATCH
    return steps * BATCH / seconds(lambda: [next(batches) for _ in range(steps)])


def plain_rate(path: Path) -> float:
    """Return the rate of plain code, patches/s: h5py with a sorted fancy index for each batch, converted by NumPy."""
    order = np.random.default_rng(0).permutation(PATCHES)[: 10 * BATCH].reshape(-1, BATCH)

    def read() -> None:
        with h5py.File(path) as file:
            for patch_indices in order:
                for name in ("input_10m", "input_20m", "target"):
                    (file[name][np.sort(patch_indices)].astype(np.float32) - 1000) / 2000

    return order.size / seconds(read)


def measure() -> dict:
    """Return both rates on one file, patches/s: the better of two rounds each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patches.h5"
        write_patches(path)
        rates = [(pipeline_rate(path), plain_rate(path)) for _ in range(2)]
    return {"pipeline": max(rate for rate, _ in rates), "plain": max(rate for _, rate in rates)}


def run() -> list[Result]:
    """Return the rows of this benchmark."""
    rates = run_child([sys.executable, "-m", "benchmarks.loading"])[0]
    return [
        Result(
            "HDF5 -> model, one process (as stored: uncompressed)",
            f"{rates['pipeline']:,.0f} patches/s",
            "at least 20,000",
        ),
        Result("HDF5 -> model / h5py fancy index", f"{rates['pipeline'] / rates['plain']:.1f}", "above 1"),
    ]


if __name__ == "__main__":
    print(json.dumps(measure()))
