"""Prediction of a STAC item whose files are at a local HTTP server, compared with the same files read from the disk.

    python -m benchmarks.remote PRODUCT    prints one line of JSON

The network is the fastest one, so that reading has a large share. The server runs in this process and counts requests.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Result, run_child, seconds
from common.pixels.windows import Window
from common.rasters.band_sources import open_source
from common.rasters.files import limit_cache
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import georeference
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.networks.build import build_network
from superres.networks.margin import margin_px
from superres.prediction.result import result_bands
from superres.prediction.scene import ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.windows import Predict, compile_model
from tests.support.fake_stac import write_bands, write_item
from tests.support.file_server import serve

NETWORK, GSD = "tiny", 20
BLOCK_PX = 512
ROUNDS = 3
MOST_RATIO, MOST_REQUESTS = 1.2, 1


def measure(product: Path) -> dict[str, float]:
    """Return the best seconds from the disk and over HTTP, and requests and blocks of one prediction over HTTP."""
    limit_cache()
    predict = compile_model(build_network(NETWORK, GSD))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        level = open_scene(product).level
        write_bands(product, folder, BLOCK_PX)
        with serve(folder) as server:
            items = {
                "disk": write_item(folder, level=level, with_files=False),
                "http": write_item(folder / "http", level=level, with_files=False, url=server.url),
            }
            scenes = {place: open_scene(item) for place, item in items.items()}
            predict_scene(scenes["http"], predict, folder)  # the first call builds the graph
            requests = len(server.requests)
            times: dict[str, list[float]] = {place: [] for place in scenes}
            for _ in range(ROUNDS):
                for place, scene in scenes.items():
                    times[place].append(seconds(lambda scene=scene: predict_scene(scene, predict, folder)))
            return {place: min(taken) for place, taken in times.items()} | {
                "requests": requests,
                "blocks": count_blocks(scenes["disk"]),
                "rows": georeference(scenes["disk"], 10).rows,
            }


def predict_scene(scene: Scene, predict: Predict, folder: Path) -> None:
    """Read, predict and write a scene by the code of `superres-predict`."""
    grid = georeference(scene, 10)
    whole = Window(0, 0, grid.rows, grid.cols)
    sharpeners = [Sharpener(scene, GSD, margin_px(NETWORK, GSD), predict)]
    prediction = ScenePrediction(scene, sharpeners, whole, result_bands((GSD,), copy_10m=False))
    write_geotiff(
        folder / "out.tif", RasterInfo.of_region(scene, grid, whole, prediction.bands, {}), prediction.strips()
    )


def count_blocks(scene: Scene) -> int:
    """Return the number of blocks of all bands that the network reads."""
    sources = [open_source(scene, band) for gsd in (10, GSD) for band in scene.bands_at(gsd)]
    return sum(-(-source.rows // BLOCK_PX) * -(-source.cols // BLOCK_PX) for source in sources)


def run(product: str) -> list[Result]:
    """Return the rows of this benchmark."""
    measured = run_child([sys.executable, "-m", "benchmarks.remote", product])[0]
    return [
        Result(
            f"prediction from GeoTIFFs over HTTP / from the disk, {NETWORK}, {measured['rows']} rows",
            f"{measured['http'] / measured['disk']:.2f} ({measured['http']:.1f} / {measured['disk']:.1f} s)",
            f"at most {MOST_RATIO}",
        ),
        Result(
            "requests / blocks",
            f"{measured['requests'] / measured['blocks']:.2f} ({measured['requests']} / {measured['blocks']})",
            f"at most {MOST_REQUESTS}",
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
