"""The plan of an evaluation, checked before any work starts."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import input_gsds
from common.rasters.grids import check_grids
from common.runs.folder import open_output_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.evaluation.methods import find_networks
from superres.evaluation.options import EvaluationOptions
from superres.evaluation.output import OUTPUT_FILES
from superres.networks.trained import TrainedNetwork, warn_of_degradation, warn_of_level

logger = logging.getLogger(__name__)


class EvaluationPlan(NamedTuple):
    """A checked evaluation.

    Attributes:
        scenes: to measure on.
        networks: method name -> trained network.
        settings: GSD and degradation.
        precision: of the convolutions.
        full_scale: also measure at full scale.
        folder: for tables and figures; it exists.
    """

    scenes: tuple[Scene, ...]
    networks: dict[str, TrainedNetwork]
    settings: PatchSettings
    precision: str
    full_scale: bool
    folder: Path

    def record(self) -> dict[str, Any]:
        """Return the entries of `evaluation.json` that say what is measured."""
        return {
            "gsd": self.settings.gsd,
            "degradation": self.settings.degradation,
            "precision": self.precision,
            "scenes": [scene.name for scene in self.scenes],
            "networks": {name: trained.record() for name, trained in self.networks.items()},
        }


def prepare_evaluation(options: EvaluationOptions) -> EvaluationPlan:
    """Check everything that can be checked before the work starts, and make the output folder. Called on rank 0.

    Raises:
        S2Error: a scene, a network or the output folder cannot be used.
    """
    networks, gsd = find_networks(options.weights, options.gsd)
    scenes = read_tile_list(options.tiles, options.data_dir)
    for scene in scenes:
        check_grids(scene, input_gsds(gsd))
    for trained in networks.values():
        warn_of_level(trained.source, trained.levels, scenes)
        warn_of_degradation(trained, options.degradation)
    open_output_folder(options.output, options.overwrite, OUTPUT_FILES)
    logger.info("%d scenes, %d m bands, networks: %s", len(scenes), gsd, ", ".join(networks))
    settings = PatchSettings(gsd, 1, options.degradation)
    return EvaluationPlan(scenes, networks, settings, options.precision, options.full_scale, options.output)
