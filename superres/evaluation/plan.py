"""The plan of an evaluation: networks, scenes and output folder, checked before any work starts."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import SettingError
from common.networks.engines import TENSORFLOW, describe_engine, usable_engine
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import JOINT, in_metres
from common.rasters.grids import check_grids
from common.runs.folder import check_output_folder
from common.runs.tables import distinct_names
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.evaluation.options import EvaluationOptions
from superres.networks.ensemble import Ensemble, join_members
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork, check_sources, read_trained, warn_of_degradation, warn_of_level

logger = logging.getLogger(__name__)


class EvaluationPlan(NamedTuple):
    """A checked evaluation.

    Attributes:
        scenes: the test scenes.
        trained_networks: method name -> trained network.
        settings: GSD and degradation.
        precision: of the convolutions.
        methods: names of pansharpening methods to measure.
        full_scale: whether to measure at full scale too.
        folder: for tables and figures; it exists.
        engine: computes the networks.
        calibrated: name and network of the method whose expected error is calibrated; None without --uncertainty.
    """

    scenes: tuple[Scene, ...]
    trained_networks: dict[str, TrainedNetwork]
    settings: PatchSettings
    precision: str
    methods: tuple[str, ...]
    full_scale: bool
    folder: Path
    engine: str = TENSORFLOW
    calibrated: tuple[str, TrainedNetwork | Ensemble] | None = None

    def record(self) -> dict[str, Any]:
        """Return the entries of `evaluation.json` that describe the evaluation."""
        return {
            "gsd": self.settings.gsd,
            "degradation": self.settings.degradation,
            "precision": self.precision,
            "engine": describe_engine(self.engine),
            "scenes": [scene.name for scene in self.scenes],
            "methods": list(self.methods),
            "networks": {name: trained.record() for name, trained in self.trained_networks.items()},
        }


def prepare_evaluation(options: EvaluationOptions) -> EvaluationPlan:
    """Check networks, scenes and the output folder; write nothing. Called on rank 0.

    Raises:
        S2Error: a scene, a network or the output folder cannot be used.
    """
    scenes = read_tile_list(options.tiles, options.data_dir)
    check_output_folder(options.output, options.overwrite)
    trained_networks, gsd = find_networks(options.weights, options.gsd)
    is_joint = any(trained.gsd == JOINT for trained in trained_networks.values())
    settings = PatchSettings(gsd, 1, options.degradation, joint=is_joint)
    for scene in scenes:
        check_grids(scene, settings.input_gsds)
    calibrated = calibrated_network(trained_networks) if options.uncertainty else None
    for trained in trained_networks.values():
        warn_of_level(trained.source, trained.levels, scenes)
        warn_of_degradation(trained, options.degradation)
    logger.info("%d scenes, %d m bands: %s", len(scenes), gsd, ", ".join([*options.methods, *trained_networks]))
    return EvaluationPlan(
        scenes=scenes,
        trained_networks=trained_networks,
        settings=settings,
        precision=options.precision,
        methods=options.methods,
        full_scale=options.full_scale,
        folder=options.output,
        engine=usable_engine(options.engine, options.precision),
        calibrated=calibrated,
    )


def calibrated_network(trained_networks: dict[str, TrainedNetwork]) -> tuple[str, TrainedNetwork | Ensemble]:
    """Return the network, or the mean of all networks as members, and its name as a method.

    Raises:
        SettingError: as `join_members`.
    """
    names, members = list(trained_networks), list(trained_networks.values())
    name = names[0] if len(names) == 1 else f"mean of {len(names)} {members[0].title or members[0].network_name}"
    return name, join_members(members)


def find_networks(weights: WeightsOptions, gsd: int | None) -> tuple[dict[str, TrainedNetwork], int]:
    """Return the trained networks that a command asks for, by method name, and their common GSD.

    A network that is given twice is returned once.

    Args:
        weights: the sources.
        gsd: 20 or 60 m; None takes the GSD of the first source, of which there must be one then. A joint network is for both.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: a network is for another GSD, or there are only joint networks and no gsd.
    """
    distinct = {Path(source).resolve(): source for source in reversed(weights.sources)}  # `run` is `./run`
    check_sources(distinct.values())
    all_trained = [
        read_trained(source, weights.network_name, weights.upsample) for source in reversed(distinct.values())
    ]
    gsd = gsd or next((trained.gsd for trained in all_trained if trained.gsd != JOINT), None)
    if gsd is None:
        raise SettingError(
            f"{all_trained[0].source} is for {in_metres(JOINT)}; say with --gsd 20 or --gsd 60 which bands to measure."
        )
    for trained in all_trained:
        if gsd not in trained.gsds:
            raise SettingError(
                f"{trained.source} is for {trained.gsd} m, but the bands to sharpen are {gsd} m; evaluate networks of one "
                f"GSD at a time, with --gsd {trained.gsd} for this one."
            )
    return dict(zip(method_names(all_trained), all_trained, strict=True)), gsd


def method_names(all_trained: Sequence[TrainedNetwork]) -> list[str]:
    """Return the title of each network.

    If networks share a title, the name of the run folder or file follows it; if they also share this name, its path.
    """
    titles = [trained.title or trained.network_name for trained in all_trained]
    sources = [Path(trained.source) for trained in all_trained]
    names = [source.name if source.is_dir() else source.stem for source in sources]
    return distinct_names(
        titles,
        [f"{title} ({name})" for title, name in zip(titles, names, strict=True)],
        [f"{title} ({source})" for title, source in zip(titles, sources, strict=True)],
    )
