"""The plan of a training: scenes, start weights and teacher, all checked before any work starts."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.errors import SettingError
from common.networks.precision import has_bfloat16
from common.patches.split import overlaps
from common.pixels.sentinel2 import input_gsds
from common.rasters.grids import check_grids, footprint_lonlat
from common.runs.folder import RunLocation, check_run_folder
from common.runs.log import remember_log
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.networks.build import build_network
from superres.networks.trained import TrainedNetwork, read_trained, trained_levels, warn_of_level
from superres.networks.weights import load_init_weights
from superres.training.config import SuperresConfig

logger = logging.getLogger(__name__)


class TrainingPlan(NamedTuple):
    """A checked training.

    Attributes:
        scenes: to train on.
        test_scenes: to measure on; may be empty.
        teacher: the trained network to learn from, or None.
    """

    scenes: tuple[Scene, ...]
    test_scenes: tuple[Scene, ...]
    teacher: TrainedNetwork | None


def prepare_training(config: SuperresConfig, location: RunLocation) -> TrainingPlan:
    """Check everything that can be checked before the work starts; write nothing. Called on rank 0.

    Raises:
        S2Error: a scene, weights or the run folder cannot be used.
    """
    remember_log()
    scenes = read_tile_list(config.tiles, config.data_dir)
    test_scenes = read_tile_list(config.test_tiles, config.data_dir) if config.test_tiles else ()
    check_scenes(scenes, test_scenes, config.gsd)
    check_init_weights(config, scenes)
    teacher = find_teacher(config) if config.teacher else None
    if teacher:
        warn_of_level(teacher.source, teacher.levels, scenes)
    check_run_folder(location)
    check_weights_stay(config, location)
    warn_of_emulation(config.precision)
    logger.info("%d scenes to train on, %d to test on", len(scenes), len(test_scenes))
    return TrainingPlan(scenes, test_scenes, teacher)


def warn_of_emulation(precision: str) -> None:
    """Warn if the hardware only emulates a precision, which is many times slower than float32."""
    if precision == "bfloat16" and not has_bfloat16():
        logger.warning("this processor has no bfloat16 instructions and emulates them, slowly: float32 is faster")


def check_init_weights(config: SuperresConfig, scenes: Sequence[Scene]) -> None:
    """Raise WeightsError, RunFolderError or DownloadError if the weights to start from are missing or do not fit."""
    if config.init_weights:
        model = build_network(config.network_name, config.gsd, upsample=config.upsample)
        load_init_weights(model, config.network_name, config.gsd, config.init_weights, config.upsample)
        warn_of_level(config.init_weights, trained_levels(config.init_weights), scenes)


def check_weights_stay(config: SuperresConfig, location: RunLocation) -> None:
    """Raise SettingError if the run would replace the run whose weights it starts from or learns from."""
    if location.resume or not location.folder:
        return
    folder = location.folder.resolve()
    for option, source in (("--init-weights", config.init_weights), ("--teacher", config.teacher)):
        if source and folder in (Path(source).resolve(), Path(source).resolve().parent):
            raise SettingError(
                f"{option} {source} is in the run folder that this run would replace; copy the weights elsewhere first."
            )


def find_teacher(config: SuperresConfig) -> TrainedNetwork:
    """Return the trained network to learn from.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: it is for another GSD.
    """
    teacher = read_trained(config.teacher)
    if teacher.gsd != config.gsd:
        raise SettingError(
            f"--teacher {config.teacher} is for {teacher.gsd} m, and --gsd is {config.gsd}; give one for {config.gsd} m."
        )
    return teacher


def check_scenes(scenes: Sequence[Scene], test_scenes: Sequence[Scene], gsd: int) -> None:
    """Check the bands and the ground of all scenes; warn if a test scene shows ground that is trained on.

    Raises:
        ProductError: a scene lacks bands, or its grids do not fit.
        SettingError: a scene is on both lists.
    """
    for scene in (*scenes, *test_scenes):
        for bands_gsd in input_gsds(gsd):
            scene.bands_at(bands_gsd)
        check_grids(scene, input_gsds(gsd))
    names = {scene.name for scene in scenes}
    footprints = [footprint_lonlat(scene) for scene in scenes]
    for scene in test_scenes:
        if scene.name in names:
            raise SettingError(f"{scene.name} is in --tiles and in --test-tiles; take it out of one of them.")
        here = footprint_lonlat(scene)
        shared = [other.name for other, there in zip(scenes, footprints, strict=True) if overlaps(here, there)]
        if shared:
            logger.warning(
                "test scene %s shows ground that %s trains on; its metrics may be optimistic", scene.name, shared[0]
            )
