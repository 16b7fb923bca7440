"""The plan of a training: scenes, start weights and teacher, checked before the work starts.

Modules that import Keras are imported inside functions, so that errors in scenes do not wait for it.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from common.errors import SettingError
from common.networks.precision import has_bfloat16
from common.patches.ground import Footprint, overlaps
from common.patches.split import check_split
from common.pixels.sentinel2 import input_gsds
from common.rasters.grids import check_grids, footprint_lonlat
from common.runs.log import remember_log
from common.runs.opening import RunLocation, check_run_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.training.config import SuperresConfig

if TYPE_CHECKING:
    from superres.networks.trained import TrainedNetwork

logger = logging.getLogger(__name__)


class TrainingPlan(NamedTuple):
    """What a training has checked and will use.

    Attributes:
        scenes: scenes to train on.
        test_scenes: scenes to measure on; may be empty.
        teacher: the trained network whose predictions are the targets, or None.
    """

    scenes: tuple[Scene, ...]
    test_scenes: tuple[Scene, ...]
    teacher: "TrainedNetwork | None"


def prepare_training(config: SuperresConfig, location: RunLocation) -> TrainingPlan:
    """Check the scenes, the weights and the run folder; write nothing. Call on rank 0.

    Raises:
        S2Error: a scene, weights or the run folder cannot be used.
    """
    remember_log()
    scenes = read_tile_list(config.tiles, config.data_dir)
    test_scenes = read_tile_list(config.test_tiles, config.data_dir) if config.test_tiles else ()
    check_scenes(scenes, test_scenes, config.gsd)
    if config.validation_fraction:
        check_split(scenes, config.patches)
    check_init_weights(config, scenes)
    teacher = find_teacher(config, scenes) if config.teacher else None
    if not check_run_folder(location):
        check_weights_are_kept(config, location.folder)
    warn_of_emulated_precision(config.precision)
    logger.info("%d scenes to train on, %d to test on", len(scenes), len(test_scenes))
    return TrainingPlan(scenes, test_scenes, teacher)


def warn_of_emulated_precision(precision: str) -> None:
    """Log a warning if the hardware only emulates a precision, which is many times slower than float32."""
    if precision == "bfloat16" and not has_bfloat16():
        logger.warning(
            "bfloat16 is only emulated, because the processor lacks its instructions, or an environment variable of oneDNN "
            "forbids them; --precision float32 is faster"
        )


def check_init_weights(config: SuperresConfig, scenes: Sequence[Scene]) -> None:
    """Check the weights of --init-weights, if it is given; warn if they were trained on another level than the scenes.

    Raises:
        WeightsError: the weights do not exist, are damaged, or belong to another network.
        RunFolderError: they lie in a folder with a damaged `config.json`.
        DownloadError: published weights cannot be fetched.
    """
    if config.init_weights:
        from superres.networks.build import build_network
        from superres.networks.trained import trained_levels, warn_of_level
        from superres.networks.weights import load_init_weights

        model = build_network(config.network_name, config.gsd, upsample=config.upsample)
        load_init_weights(model, config.network_name, config.gsd, config.init_weights, config.upsample)
        warn_of_level(config.init_weights, trained_levels(config.init_weights), scenes)


def check_weights_are_kept(config: SuperresConfig, run_folder: Path | None) -> None:
    """Check that a new run does not replace the weights of --init-weights or --teacher.

    Raises:
        SettingError: the weights lie in the folder of the new run.
    """
    if not run_folder:
        return
    folder = run_folder.resolve()
    for option, source in (("--init-weights", config.init_weights), ("--teacher", config.teacher)):
        if source and folder in (Path(source).resolve(), Path(source).resolve().parent):
            raise SettingError(
                f"{option} {source} is in the run folder that this run would replace; copy the weights elsewhere first."
            )


def find_teacher(config: SuperresConfig, scenes: Sequence[Scene]) -> "TrainedNetwork":
    """Return the trained network of --teacher; warn if it was trained on another level than the scenes.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: the teacher is for another GSD than --gsd.
    """
    from superres.networks.trained import read_trained, warn_of_level

    teacher = read_trained(config.teacher)
    if teacher.gsd != config.gsd:
        raise SettingError(
            f"--teacher {config.teacher} is for {teacher.gsd} m, and --gsd is {config.gsd}; give one for {config.gsd} m."
        )
    warn_of_level(teacher.source, teacher.levels, scenes)
    return teacher


def check_scenes(scenes: Sequence[Scene], test_scenes: Sequence[Scene], gsd: int) -> None:
    """Check the bands and grids of all scenes; warn if a test scene overlaps a scene to train on.

    Args:
        scenes: scenes to train on.
        test_scenes: scenes to measure on.
        gsd: native GSD in metres of the bands to sharpen, 20 or 60.

    Raises:
        ProductError: a scene lacks bands, or the grids of its bands do not fit each other.
        SettingError: a scene is on both lists.
    """
    for scene in (*scenes, *test_scenes):
        for bands_gsd in input_gsds(gsd):
            scene.bands_at(bands_gsd)
        check_grids(scene, input_gsds(gsd))
    twice = {scene.name for scene in scenes} & {scene.name for scene in test_scenes}
    if twice:
        raise SettingError(f"{min(twice)} is in --tiles and in --test-tiles; remove it from one of them.")
    footprints = {scene.name: footprint_lonlat(scene) for scene in scenes}
    for name, training_name in shared_ground(footprints, test_scenes).items():
        logger.warning(
            "test scene %s overlaps %s, a scene to train on; its metrics may be optimistic", name, training_name
        )


def shared_ground(footprints: Mapping[str, Footprint], test_scenes: Sequence[Scene]) -> dict[str, str]:
    """Return test scene -> a scene to train on that it overlaps, for the test scenes that overlap any.

    Args:
        footprints: of the scenes to train on, by name.
        test_scenes: scenes to measure on.

    Raises:
        ProductError: as `footprint_lonlat`.
    """
    shared = {}
    for scene in test_scenes:
        test_footprint = footprint_lonlat(scene)
        overlapping = [name for name, footprint in footprints.items() if overlaps(test_footprint, footprint)]
        if overlapping:
            shared[scene.name] = overlapping[0]
    return shared
