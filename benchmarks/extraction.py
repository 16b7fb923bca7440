"""Time of patch extraction, compared with GDAL decoding of the same bands with the same threads, and its memory.

python benchmarks/extraction.py SCENE    prints one line of JSON
"""

import json
import sys
import tempfile
from pathlib import Path

from osgeo import gdal

import superres.training.data  # noqa: F401  superres-train, which extracts patches, also loads TensorFlow
from benchmarks.measure import Result, peak_memory_gib, run_child, seconds
from common.patches.extraction import make_patch_file
from common.patches.settings import PATCHES_PER_TILE, PatchSettings
from common.pixels.sentinel2 import input_gsds
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene

GSD = 20


def decode(scene: Scene) -> None:
    """Decode each band that extraction reads, one after the other."""
    gdal.UseExceptions()
    gdal.SetConfigOption("GDAL_NUM_THREADS", "ALL_CPUS")
    for gsd in input_gsds(GSD):
        for band in scene.bands_at(gsd):
            gdal.Open(scene.band_paths[band]).ReadAsArray()


def extract(scene: Scene) -> None:
    """Cut the default number of patches, and write their file."""
    with tempfile.TemporaryDirectory() as folder:
        make_patch_file(scene, PatchSettings(GSD, PATCHES_PER_TILE[GSD]), Path(folder) / "patches.h5")


def measure(path: str) -> dict:
    """Return the best times of two rounds in seconds, and the peak memory of extraction in GiB.

    Extraction is first, so that the peak memory is its own.
    """
    scene = open_scene(path)
    extraction = [seconds(lambda: extract(scene))]
    memory = peak_memory_gib()
    decoding = [seconds(lambda: decode(scene))]
    extraction.append(seconds(lambda: extract(scene)))
    decoding.append(seconds(lambda: decode(scene)))
    return {"extraction": min(extraction), "decoding": min(decoding), "memory": memory}


def run(path: str) -> list[Result]:
    """Return the rows of this benchmark."""
    measured = run_child([sys.executable, "-m", "benchmarks.extraction", path])[0]
    ratio = measured["extraction"] / measured["decoding"]
    return [
        Result("extraction / bare decoding, time", f"{ratio:.2f}", "at most 1.3 on a full tile"),
        Result("extraction, peak memory", f"{measured['memory']:.2f} GiB", "under 2 GiB on a full tile"),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
