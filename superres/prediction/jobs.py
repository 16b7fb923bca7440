"""The jobs of one prediction command: which scene, which region, which output files; all checked before any work starts."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import ProductError, SettingError
from common.pixels.sentinel2 import input_gsds
from common.pixels.windows import Window
from common.rasters.grids import GeoReference, check_grids, georeference
from common.rasters.region import lonlat_region, pixel_region
from common.runs import cli
from common.runs.provenance import code_revision, utc_now
from common.scenes.scene import Scene
from superres.networks.trained import TrainedNetwork

COARSEST_PX = 6  # a 60 m pixel, of 10 m
LEAST_COARSE_PX = 2  # between which to interpolate
SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Job:
    """A scene to sharpen.

    Attributes:
        scene: what.
        region: which part, on its 10 m grid.
        output: where to.
    """

    scene: Scene
    region: Window
    output: Path


def check_scene(scene: Scene, gsds: Sequence[int]) -> GeoReference:
    """Its 10 m grid, after a look at all the bands that are needed."""
    needed = input_gsds(max(gsds))
    for gsd in needed:
        scene.bands_at(gsd)
    check_grids(scene, needed)
    grid = georeference(scene, 10)
    if min(grid.rows, grid.cols) < LEAST_COARSE_PX * needed[-1] // 10:
        raise ProductError(
            f"{scene.name} has {grid.rows} x {grid.cols} px of 10 m; sharpening {needed[-1]} m bands takes at least "
            f"{LEAST_COARSE_PX} of their pixels each way."
        )
    return grid


def find_region(arguments: argparse.Namespace, grid: GeoReference, smallest: int) -> Window:
    """The part of the 10 m grid that is asked for."""
    if arguments.roi_pixels is not None:
        return pixel_region(arguments.roi_pixels, grid, smallest)
    if arguments.roi_lonlat is not None:
        return lonlat_region(arguments.roi_lonlat, grid, smallest)
    return Window(0, 0, grid.rows, grid.cols)


def output_files(scenes: Sequence[Scene], output: Path) -> list[Path]:
    """The file for each scene.

    Raises:
        SettingError: several scenes have no folder to go to, or the same name.
    """
    if len(scenes) == 1 and not output.is_dir():
        return [output]
    if not output.is_dir():
        raise SettingError(f"--output {output} is no folder; give one that exists for {len(scenes)} scenes.")
    files = [output / f"{scene.name}.tif" for scene in scenes]
    if len(set(files)) < len(files):
        raise SettingError("a scene is given twice; give each once.")
    return files


def refuse_input(output: Path, scene: Scene, networks: dict[int, TrainedNetwork]) -> None:
    """Raise where a result would replace, or lie among, what it is made from.

    Raises:
        SettingError: it would.
    """
    place = output.resolve()
    read = [scene.path.resolve(), *(trained.file.resolve() for trained in networks.values())]
    folder = read[0] if scene.path.is_dir() else read[0].parent if scene.path.suffix == ".xml" else None
    if place in read or (folder and folder in place.parents):
        raise SettingError(f"--output {output} is, or lies in, what is read; give another place.")


def quicklook_file(output: Path) -> Path:
    """The picture beside a result."""
    return output.with_suffix(".png")


def provenance(networks: dict[int, TrainedNetwork], precision: str, consistent: bool) -> dict[str, str]:
    """Tags that say how a file was made, the same for all scenes."""
    tags = {
        "code_revision": code_revision(),
        "command": shlex.join(sys.argv),
        "precision": precision,
        "TIFFTAG_SOFTWARE": f"jeoparda {cli.package_version()}",
    }
    if consistent:
        tags["consistent"] = "yes"
    for gsd, trained in networks.items():
        tags |= {
            f"network_{gsd}m": trained.network,
            f"upsample_{gsd}m": trained.upsample,
            f"weights_{gsd}m": trained.source,
            f"weights_{gsd}m_sha256": trained.sha256,
        }
    return tags


def scene_tags(scene: Scene) -> dict[str, str]:
    """Tags that say what a file was made from."""
    return {
        "source_product": scene.name,
        "level": scene.level,
        "processing_baseline": scene.baseline,
        "sensing_time": scene.sensing_time,
        "satellite": scene.satellite,
        "created_utc": utc_now(),
    }
