"""The plan of a training: scenes, start weights and teacher, checked before the work starts.

Modules that import Keras are imported inside functions, so that errors in scenes do not wait for it.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from common.errors import SettingError
from common.networks.precision import has_bfloat16
from common.patches.degraded_scene import patch_fits
from common.patches.ground import Footprint, overlaps
from common.patches.settings import PatchSettings
from common.patches.split import Cut, check_split
from common.pixels.sentinel2 import Gsd, each_gsd, in_metres, input_gsds
from common.rasters.grids import check_grids, footprint_lonlat
from common.runs.folder import require_application
from common.runs.log import remember_log
from common.runs.opening import RunLocation, check_run_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.networks.published import PUBLISHED
from superres.training.config import SuperresConfig

if TYPE_CHECKING:
    from superres.networks.trained import TrainedNetwork

logger = logging.getLogger(__name__)


class TrainingPlan(NamedTuple):
    """What a training has checked and will use.

    Attributes:
        scenes: scenes to train on.
        test_scenes: scenes to measure on; may be empty.
        teachers: the trained networks whose predictions are the targets, for each GSD one, or one for each level; empty without
            a teacher.
        cuts: the patches to cut: scene and settings, for each scene and scale at which it is large enough.
    """

    scenes: tuple[Scene, ...]
    test_scenes: tuple[Scene, ...]
    teachers: "tuple[TrainedNetwork, ...]"
    cuts: tuple[Cut, ...]

    @property
    def levels(self) -> list[str]:
        """Levels of products that the network learns to sharpen: those of the scenes, and of them those that its teachers know.

        On another level a teacher may be wrong, and the network learns its errors: it is for the levels of its teachers.
        """
        levels = {scene.level for scene in self.scenes}
        taught = taught_levels(self.teachers, levels)
        return sorted(levels & taught or taught or levels)


def prepare_training(config: SuperresConfig, location: RunLocation) -> TrainingPlan:
    """Check the scenes, the weights and the run folder; write nothing. Call on rank 0.

    Raises:
        S2Error: a scene, weights or the run folder cannot be used.
    """
    check_run_name(location.folder)
    remember_log()
    scenes = read_tile_list(config.tiles, config.data_dir)
    test_scenes = read_tile_list(config.test_tiles, config.data_dir) if config.test_tiles else ()
    check_scenes(scenes, test_scenes, config.gsd)
    cuts = find_cuts(scenes, config.patches)
    if config.validation_fraction:
        check_split(cuts)
    check_weights_exist(config)
    if check_run_folder(location):
        require_application(location.folder, config)
    else:
        check_weights_are_kept(config, location.folder)
    check_init_weights(config, scenes)  # the first step that needs TensorFlow
    teachers = find_teachers(config, scenes) if config.teacher else ()
    warn_of_emulated_precision(config.precision)
    logger.info("%d scenes to train on, %d to test on", len(scenes), len(test_scenes))
    return TrainingPlan(scenes, test_scenes, teachers, cuts)


def check_run_name(folder: Path | None) -> None:
    """Check that other commands will not take the name of a run folder for that of published weights.

    Raises:
        SettingError: it is the name of published weights.
    """
    if folder and str(folder) in PUBLISHED:
        is_older = folder.exists()  # perhaps a run of an older version
        remedy = "rename it, and give its new name" if is_older else "give another --run-dir"
        raise SettingError(
            f"--run-dir {folder} is the name of published weights, which other commands would take instead of this folder; "
            f"{remedy}."
        )


def find_cuts(scenes: Sequence[Scene], all_settings: Sequence[PatchSettings]) -> tuple[Cut, ...]:
    """Return which patches to cut: each scene with each of the settings, if it is large enough for one of them at least.

    Raises:
        ProductError: a scene is too small for a patch of any of the settings.
    """
    cuts = []
    for scene in scenes:
        fitting = [Cut(scene, settings) for settings in all_settings if patch_fits(scene, settings)]
        if len(fitting) < len(all_settings):
            logger.info(
                "%s is large enough for patches at %d of %d scales", scene.name, len(fitting), len(all_settings)
            )
        cuts += fitting or [Cut(scene, all_settings[0])]  # where the patches are cut, the error says what is too small
    return tuple(cuts)


def warn_of_emulated_precision(precision: str) -> None:
    """Log a warning if the hardware only emulates a precision, which is many times slower than float32."""
    if precision == "bfloat16" and not has_bfloat16():
        logger.warning(
            "bfloat16 is only emulated, because the processor lacks its instructions, or an environment variable of oneDNN "
            "forbids them; --precision float32 is faster"
        )


def check_weights_exist(config: SuperresConfig) -> None:
    """Check that the weights of --init-weights and --teacher exist, before loading the first of them takes seconds.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
    """
    if config.init_weights or config.teachers:
        from superres.networks.trained import check_sources
        from superres.networks.weights import find_weights

        check_sources(config.teachers)
        if config.init_weights:
            find_weights(config.init_weights)


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
    for option, source in (("--init-weights", config.init_weights), *(("--teacher", one) for one in config.teachers)):
        if source and folder in (Path(source).resolve(), Path(source).resolve().parent):
            raise SettingError(
                f"{option} {source} is in the run folder that this run would replace; copy the weights elsewhere first."
            )


def find_teachers(config: SuperresConfig, scenes: Sequence[Scene]) -> "tuple[TrainedNetwork, ...]":
    """Return the trained networks of --teacher; warn if they do not fit the levels of the scenes.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: a teacher is for another GSD than --gsd, there is none for a GSD, or as `check_levels`.
    """
    from superres.networks.trained import read_trained, warn_of_level

    gsds = each_gsd(config.gsd)
    teachers: list[TrainedNetwork] = []
    for source in config.teachers:
        teacher = read_trained(source)
        if set(teacher.gsds) - set(gsds):
            raise SettingError(
                f"--teacher {source} is for {in_metres(teacher.gsds)}, and --gsd is {' '.join(map(str, gsds))}; give one for "
                f"{in_metres(gsds)}."
            )
        teachers.append(teacher)
    if missing := [gsd for gsd in gsds if not any(gsd in teacher.gsds for teacher in teachers)]:
        raise SettingError(
            f"--gsd {' '.join(map(str, gsds))} needs a --teacher for {in_metres(missing)}, too; give one for each GSD."
        )
    of_scenes = {scene.level for scene in scenes}
    check_levels(teachers, of_scenes)
    used = used_by_gsd(teachers, of_scenes)
    for teacher in dict.fromkeys(same_gsd[0] for same_gsd in used if len(same_gsd) == 1):
        warn_of_level(teacher.source, teacher.levels, scenes)
    for teacher in teachers:
        if not any(teacher in same_gsd for same_gsd in used):
            logger.warning("--teacher %s is not used: no scene is %s", teacher.source, " or ".join(teacher.levels))
    return tuple(teachers)


def check_levels(teachers: "Sequence[TrainedNetwork]", of_scenes: set[str]) -> None:
    """Check that no two teachers are for the same GSD and level, and that a level of several has one for each GSD.

    Args:
        teachers: all of them.
        of_scenes: the levels of the scenes. Scenes of one level may have teachers of others, such as the published weights
            for 20 m, of which there are none for L2A.

    Raises:
        SettingError: two teach the same patches, or may do so because a level is unknown; or there are scenes of several levels,
            and none has a teacher for each GSD, so that the level of the network would be unknown.
    """
    for first, second in combinations(teachers, 2):
        common = [gsd for gsd in first.gsds if gsd in second.gsds]
        both = f"--teacher {first.source} and {second.source} are both for {in_metres(common)}"
        if common and not (first.levels and second.levels):
            unknown = second if first.levels else first
            raise SettingError(
                f"{both}, and {unknown.source} does not tell the level that it was trained on; give one of them, or its run "
                f"folder."
            )
        if common and (shared := sorted(set(first.levels) & set(second.levels))):
            raise SettingError(f"{both} and {' and '.join(shared)}; give one for each level and GSD.")
    if len(of_scenes) > 1 and not taught_levels(teachers, of_scenes) and all(teacher.levels for teacher in teachers):
        known = " and ".join(f"{one.source} for {' and '.join(one.levels)}" for one in teachers)
        raise SettingError(
            f"no level has a --teacher for each GSD: {known}; give those of one level for all GSDs, or scenes of one level."
        )


def used_by_gsd(teachers: "Sequence[TrainedNetwork]", of_scenes: set[str]) -> "list[tuple[TrainedNetwork, ...]]":
    """Return for each GSD the teachers that know a level of the scenes, or else all that there are for it."""
    used = []
    for gsd in sorted({gsd for teacher in teachers for gsd in teacher.gsds}):
        same_gsd = tuple(teacher for teacher in teachers if gsd in teacher.gsds)
        used.append(tuple(teacher for teacher in same_gsd if of_scenes & set(teacher.levels)) or same_gsd)
    return used


def taught_levels(teachers: "Sequence[TrainedNetwork]", of_scenes: set[str]) -> set[str]:
    """Return the levels that have a teacher for each GSD, of those that are used; those of unknown levels do not count."""
    known = [{level for one in same_gsd for level in one.levels} for same_gsd in used_by_gsd(teachers, of_scenes)]
    return set.intersection(*filter(None, known)) if any(known) else set()


def check_scenes(scenes: Sequence[Scene], test_scenes: Sequence[Scene], gsd: Gsd) -> None:
    """Check the bands and grids of all scenes; warn if a test scene overlaps a scene to train on.

    Args:
        scenes: scenes to train on.
        test_scenes: scenes to measure on.
        gsd: native GSD in metres of the bands to sharpen: 20, 60 or JOINT.

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
