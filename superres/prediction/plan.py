"""The plan of a prediction: scenes, regions and output files, all checked before any work starts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import ProductError, SettingError
from common.networks.precision import fastest_precision
from common.pixels.sentinel2 import input_gsds
from common.pixels.windows import Window
from common.rasters.geotiff import check_output
from common.rasters.grids import GeoReference, check_grids, georeference
from common.rasters.region import lonlat_region, pixel_region
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.networks.trained import TrainedNetwork, choose_networks, warn_of_level
from superres.prediction.options import AUTO, COARSEST_PX, PredictionOptions
from superres.prediction.scene import result_bands
from superres.prediction.tags import prediction_tags

logger = logging.getLogger(__name__)

LEAST_COARSE_PX = 2  # coarse pixels each way that interpolation needs
SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Job:
    """A scene to sharpen.

    Attributes:
        scene: the scene.
        region: part of its 10 m grid.
        output: GeoTIFF to write.
    """

    scene: Scene
    region: Window
    output: Path

    @property
    def quicklook(self) -> Path:
        """The picture beside the result."""
        return self.output.with_suffix(".png")


@dataclass(frozen=True)
class PredictionPlan:
    """A checked prediction.

    Attributes:
        jobs: one for each scene.
        networks: GSD -> trained network.
        precision: of the convolutions.
        tags: how the results are made, for their files.
        options: what else the command line asks for.
    """

    jobs: tuple[Job, ...]
    networks: dict[int, TrainedNetwork]
    precision: str
    tags: dict[str, str]
    options: PredictionOptions


def prepare_prediction(options: PredictionOptions) -> PredictionPlan:
    """Check everything that can be checked before the work starts; write nothing. Called on rank 0.

    Raises:
        S2Error: an option, a scene, a network or an output file cannot be used.
    """
    if options.window_px < COARSEST_PX or options.window_px % COARSEST_PX:
        raise SettingError(
            f"--window must be a multiple of {COARSEST_PX}, the pixels of a 60 m pixel; got {options.window_px}."
        )
    weights = options.weights
    networks = choose_networks(weights.sources, options.gsds, weights.network_name, weights.upsample)
    scenes = [open_scene(path) for path in options.scenes]
    outputs = output_files(scenes, options.output)
    jobs = tuple(prepare_job(scene, output, networks, options) for scene, output in zip(scenes, outputs, strict=True))
    for trained in networks.values():
        warn_of_level(trained.source, trained.levels, scenes)
    precision = fastest_precision() if options.precision == AUTO else options.precision
    for gsd, trained in networks.items():
        logger.info("%d m bands: %s from %s, %s", gsd, trained.network_name, trained.source, precision)
    tags = prediction_tags(networks, precision, options.consistent)
    return PredictionPlan(jobs, networks, precision, tags, options)


def prepare_job(scene: Scene, output: Path, networks: dict[int, TrainedNetwork], options: PredictionOptions) -> Job:
    """Return the checked job of one scene.

    Raises:
        ProductError: bands are missing or damaged.
        SettingError: region or output cannot be used.
        OutputError: the output cannot be written.
    """
    grid = check_scene(scene, networks)
    job = Job(scene, find_region(options, grid, max(networks) // 10), output)
    band_count = len(result_bands(networks, options.copy_10m))
    check_output(output, options.overwrite, 2 * band_count * job.region.height * job.region.width)
    refuse_input(output, scene, networks)
    if output.suffix.lower() not in SUFFIXES:
        raise SettingError(f"--output {output} must end with {' or '.join(SUFFIXES)}, or be a folder that exists.")
    if options.quicklook:
        check_output(job.quicklook, options.overwrite)
    return job


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


def find_region(options: PredictionOptions, grid: GeoReference, smallest: int) -> Window:
    """The part of the 10 m grid that is asked for."""
    if options.roi_pixels is not None:
        return pixel_region(options.roi_pixels, grid, smallest)
    if options.roi_lonlat is not None:
        return lonlat_region(options.roi_lonlat, grid, smallest)
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
