"""The plan of a prediction: scenes, regions and output files, checked before any work starts."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import ProductError, S2Error, SettingError
from common.items.item import item_path, sensing_datetime
from common.networks.engines import usable_engine
from common.networks.precision import fastest_precision
from common.patches.degraded_scene import target_shape
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import JOINT, input_gsds
from common.pixels.windows import Window
from common.rasters.geotiff import check_output, check_space
from common.rasters.grids import GeoReference, check_grids, georeference
from common.rasters.masks import with_mask
from common.rasters.region import find_region
from common.runs.folder import require_no_run_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.networks.ensemble import Ensemble, choose_networks
from superres.networks.trained import TrainedNetwork, warn_of_level
from superres.prediction.options import AUTO, COARSEST_PX, PredictionOptions
from superres.prediction.result import error_bands, needed_networks, prediction_tags, result_bands
from superres.uncertainty.calibration import LEAST_PIXELS, Calibration
from superres.uncertainty.file import find_calibrations, read_calibrations

logger = logging.getLogger(__name__)

LEAST_COARSE_PX = 2  # rows and columns of the coarsest band that upsampling needs
SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Job:
    """A scene to sharpen.

    Attributes:
        scene: the scene.
        region: the part of its 10 m grid to sharpen.
        output: GeoTIFF to write.
    """

    scene: Scene
    region: Window
    output: Path

    @property
    def quicklook(self) -> Path:
        """The PNG that --quicklook writes beside the result."""
        return self.output.with_suffix(".png")

    @property
    def uncertainty(self) -> Path:
        """The GeoTIFF of expected errors that --uncertainty writes beside the result."""
        return self.output.with_name(f"{self.output.stem}-uncertainty{self.output.suffix}")

    @property
    def item(self) -> Path:
        """The STAC item that --stac writes beside the result."""
        return item_path(self.output)


@dataclass(frozen=True)
class PredictionPlan:
    """A checked prediction.

    Attributes:
        jobs: one for each scene.
        trained_networks: GSD -> trained network, or several as an ensemble.
        bands: bands of every result, in their order.
        precision: of the convolutions.
        engine: computes the networks.
        tags: tags of every result that say how it was made.
        options: the options of the command.
        calibrations: GSD -> calibration of its network, with --uncertainty; otherwise empty. It is empty, too, as long as a
            scene that is its own calibration is not measured.
    """

    jobs: tuple[Job, ...]
    trained_networks: dict[int, TrainedNetwork | Ensemble]
    bands: tuple[str, ...]
    precision: str
    engine: str
    tags: dict[str, str]
    options: PredictionOptions
    calibrations: dict[int, Calibration] = field(default_factory=dict)

    def calibrations_of(self, trained: TrainedNetwork | Ensemble) -> dict[int, Calibration]:
        """Return GSD -> calibration, for the GSDs that a network sharpens."""
        return {gsd: calibration for gsd, calibration in self.calibrations.items() if gsd in trained.gsds}


def prepare_prediction(options: PredictionOptions) -> PredictionPlan:
    """Check options, weights, scenes and output files; write nothing. Called on rank 0.

    Raises:
        S2Error: an option, a scene, a network or an output file cannot be used.
    """
    if options.skip_existing and options.overwrite:
        raise SettingError("--skip-existing keeps results that --overwrite replaces; give one of them.")
    if options.window_px < COARSEST_PX or options.window_px % COARSEST_PX:
        raise SettingError(
            f"--window must be a multiple of {COARSEST_PX}, the side of a 60 m pixel in 10 m pixels; "
            f"got {options.window_px}."
        )
    scenes = [open_scene(path) for path in options.scenes]
    outputs = output_files(scenes, options.output, names_of_others(options.other_scenes))
    jobs = tuple(prepare_job(scene, output, options) for scene, output in zip(scenes, outputs, strict=True))
    read = read_calibrations(options.uncertainty or ())
    weights = options.weights  # the first step that needs TensorFlow
    trained_networks = choose_networks(weights.sources, options.gsds, weights.network_name, weights.upsample)
    bands = options.bands or result_bands(trained_networks, options.copy_10m)
    trained_networks = needed_networks(bands, trained_networks)
    digests = {gsd: trained.digests for gsd, trained in trained_networks.items()}
    calibrations = find_calibrations(read, digests) if read else {}
    for job in jobs:
        check_job(job, trained_networks, bands, options)
    for trained in dict.fromkeys(trained_networks.values()):
        warn_of_level(trained.source, trained.levels, scenes)
    precision = fastest_precision() if options.precision == AUTO else options.precision
    engine = usable_engine(options.engine, precision)
    for gsd, trained in trained_networks.items():
        logger.info("%d m bands: %s from %s, %s, %s", gsd, trained.network_name, trained.source, precision, engine)
    tags = prediction_tags(trained_networks, precision, options.consistent, options.mask, engine)
    return PredictionPlan(jobs, trained_networks, bands, precision, engine, tags, options, calibrations)


def prepare_job(scene: Scene, output: Path, options: PredictionOptions) -> Job:
    """Return the job of one scene after all checks that need no network.

    Raises:
        ProductError: the scene has no 10 m bands, or they are damaged; with --stac, it has no sensing time.
        SettingError: mask, region or output cannot be used.
        OutputError: a file exists, would lie in a run folder, or cannot be written.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise SettingError(f"--output {output} must end with {' or '.join(SUFFIXES)}, or be an existing folder.")
    require_no_run_folder(output.parent)
    if options.mask is not None:
        scene = with_mask(scene, options.mask)
    if options.stac:
        sensing_datetime(scene)
    region = find_region(georeference(scene, 10), options.roi_pixels, options.roi_lonlat)
    job = Job(scene, region, output)
    for path in band_counts(job, (), options):
        check_output(path, options.may_replace(output))
        check_output_is_no_input(path, scene)
    replaces_undescribed = options.overwrite and output.exists() and not options.stac
    if replaces_undescribed and job.item.exists() and job.item.resolve() != scene.path.resolve():
        logger.warning("%s stays and describes the result that is replaced; replace it too with --stac", job.item)
    return job


def check_job(
    job: Job,
    trained_networks: dict[int, TrainedNetwork | Ensemble],
    bands: Sequence[str],
    options: PredictionOptions,
) -> None:
    """Check that networks can sharpen the region of a job, and that there is space for its files.

    Raises:
        ProductError: bands are missing or damaged, or the scene is too small.
        SettingError: the region is too small, or an output is a file of weights.
        OutputError: the disk is full.
    """
    coarsest_gsd = max(gsd for trained in trained_networks.values() for gsd in trained.gsds)
    check_bands(job.scene, coarsest_gsd)
    check_size(job.scene, georeference(job.scene, 10), coarsest_gsd)
    check_region_size(job, coarsest_gsd)
    if options.calibrates_itself:
        check_calibration_size(job.scene, trained_networks)
    files = [file for trained in trained_networks.values() for file in trained.files]
    for path, count in band_counts(job, bands, options).items():
        check_space(path, 2 * count * job.region.height * job.region.width)
        check_output_is_no_input(path, job.scene, files)


def band_counts(job: Job, bands: Sequence[str], options: PredictionOptions) -> dict[Path, int]:
    """Return each file that a job writes, with its number of full bands: none in quicklook and STAC item."""
    counts = {job.output: len(bands)}
    if options.quicklook:
        counts[job.quicklook] = 0
    if options.uncertainty is not None:
        counts[job.uncertainty] = len(error_bands(bands))
    if options.stac:
        counts[job.item] = 0
    return counts


def check_bands(scene: Scene, coarsest_gsd: int) -> None:
    """Check that a scene has all bands that a network for `coarsest_gsd` reads, on grids that fit together.

    Raises:
        ProductError: bands are missing or damaged, or their grids do not fit together.
    """
    gsds = input_gsds(coarsest_gsd)
    for gsd in gsds:
        scene.bands_at(gsd)
    check_grids(scene, gsds)


def check_size(scene: Scene, grid: GeoReference, coarsest_gsd: int) -> None:
    """Check that a scene is large enough to upsample its bands of `coarsest_gsd`.

    Raises:
        ProductError: the scene is too small.
    """
    least = LEAST_COARSE_PX * coarsest_gsd // 10
    if min(grid.rows, grid.cols) < least:
        raise ProductError(
            f"{scene.name} has {grid.rows} x {grid.cols} px of 10 m; to sharpen {coarsest_gsd} m bands, expected at least "
            f"{least} x {least}: leave it out."
        )


def check_region_size(job: Job, coarsest_gsd: int) -> None:
    """Check that the region of a job holds a pixel of `coarsest_gsd`.

    Raises:
        SettingError: it is smaller.
    """
    region, least = job.region, coarsest_gsd // 10
    if min(region.height, region.width) < least:
        raise SettingError(
            f"the region of {job.scene.name} is {region.height} x {region.width} px of 10 m; to sharpen {coarsest_gsd} m "
            f"bands, expected at least {least} x {least}: give a larger one."
        )


def check_calibration_size(scene: Scene, trained_networks: dict[int, TrainedNetwork | Ensemble]) -> None:
    """Check that a scene is large enough to be its own calibration.

    Raises:
        ProductError: the scene is too small.
    """
    for gsd, trained in trained_networks.items():
        rows, cols = target_shape(scene, PatchSettings(gsd, 1, joint=trained.gsd == JOINT))
        if rows * cols < LEAST_PIXELS:
            raise ProductError(
                f"{scene.name} has {rows} x {cols} px of {gsd} m, too few to calibrate expected errors on itself, which needs "
                f"{LEAST_PIXELS} px; give --uncertainty a calibration of other scenes, measured with superres-evaluate "
                f"--uncertainty, or leave it out."
            )


def names_of_others(paths: Sequence[str]) -> list[str]:
    """Return the names of the scenes of other tasks; errors of a scene are left to its own task."""
    names = []
    for path in paths:
        with suppress(S2Error):
            names.append(open_scene(path).name)
    return names


def output_files(scenes: Sequence[Scene], output: Path, other_names: Sequence[str] = ()) -> list[Path]:
    """Return the GeoTIFF for each scene; in a folder, it has the name of the scene.

    Args:
        scenes: the scenes.
        output: a file, or an existing folder.
        other_names: of the scenes whose results other tasks write into the same folder.

    Raises:
        SettingError: there are several scenes and no folder, or two scenes have the same name.
    """
    if len(scenes) == 1 and not output.is_dir():
        return [output]
    if not output.is_dir():
        raise SettingError(f"--output {output} is not a folder; give an existing folder for {len(scenes)} scenes.")
    names = [scene.name for scene in scenes]
    twice = [name for name, count in Counter([*names, *other_names]).items() if count > 1]
    if twice:
        raise SettingError(
            f"two scenes have the name {twice[0]}; give each scene once, and each name once in a command."
        )
    return [output / f"{name}.tif" for name in names]


def check_output_is_no_input(output: Path, scene: Scene, weights: Sequence[Path] = ()) -> None:
    """Check that the output replaces neither scene, mask nor `weights`, and does not lie in the folder of the product.

    Raises:
        SettingError: it does.
    """
    resolved, product = output.resolve(), scene.path.resolve()
    inputs = [product, *(file.resolve() for file in weights)]
    inputs += [Path(path).resolve() for path in scene.band_paths.values()]  # of a STAC item they lie anywhere
    if scene.mask:
        inputs.append(Path(scene.mask.path).resolve())
    if resolved in inputs or (product.is_dir() and product in resolved.parents):
        raise SettingError(
            f"--output {output} is an input, or lies in the folder of the product; give another --output."
        )
