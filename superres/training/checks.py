"""Checks of a training command before it works: scenes, start weights, teacher."""

import logging
from collections.abc import Sequence
from pathlib import Path

from common.errors import SettingError
from common.networks.precision import has_bfloat16
from common.patches.split import overlaps
from common.pixels.sentinel2 import input_gsds
from common.rasters.grids import check_grids, footprint_lonlat
from common.runs.folder import RunLocation
from common.scenes.scene import Scene
from superres.networks import build_network
from superres.networks.trained import TrainedNetwork, describe_weights, start_from, warn_of_level
from superres.training.config import SuperresConfig

logger = logging.getLogger(__name__)


def warn_of_emulation(precision: str) -> None:
    """Say so where the hardware computes a precision many times slower than float32."""
    if precision == "bfloat16" and not has_bfloat16():
        logger.warning("this processor has no bfloat16 instructions and emulates them, slowly: float32 is faster")


def check_init_weights(config: SuperresConfig, scenes: Sequence[Scene]) -> None:
    """Raise WeightsError, RunFolderError or DownloadError where the weights to start from do not fit, or are not there."""
    if config.init_weights:
        network = build_network(config.network, config.gsd, upsample=config.upsample)
        start_from(network, config.network, config.gsd, config.init_weights, config.upsample)
        warn_of_level(config.init_weights, scenes)


def check_weights_stay(config: SuperresConfig, location: RunLocation) -> None:
    """Raise SettingError where the run would replace the very one whose weights it starts from or learns from."""
    if location.resume or not location.folder:
        return
    folder = location.folder.resolve()
    for option, source in (("--init-weights", config.init_weights), ("--teacher", config.teacher)):
        if source and folder in (Path(source).resolve(), Path(source).resolve().parent):
            raise SettingError(
                f"{option} {source} is in the run folder that this run would replace; copy the weights elsewhere first."
            )


def find_teacher(config: SuperresConfig) -> TrainedNetwork:
    """The network to learn from.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `describe_weights`.
        SettingError: it is for another GSD.
    """
    teacher = describe_weights(config.teacher)
    if teacher.gsd != config.gsd:
        raise SettingError(
            f"--teacher {config.teacher} is for {teacher.gsd} m, and --gsd is {config.gsd}; give one for {config.gsd} m."
        )
    return teacher


def check_scenes(scenes: Sequence[Scene], test_scenes: Sequence[Scene], gsd: int) -> None:
    """Raise where a scene lacks bands or is on both lists; warn where test ground is trained on."""
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
                "test scene %s shows ground that %s trains on; its metrics may flatter", scene.name, shared[0]
            )
