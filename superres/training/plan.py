"""The plan of a training: scenes, start weights and teacher, checked before the work starts.

Modules that import Keras are imported inside functions, so that errors in scenes do not wait for it.
"""

import logging
from collections.abc import Mapping, Sequence
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
        teachers: the trained networks whose predictions are the targets; empty without a teacher. There is one for each GSD,
            or several that know other levels.
        cuts: the patches to cut: scene and settings, for each scene and scale at which it is large enough.
    """

    scenes: tuple[Scene, ...]
    test_scenes: tuple[Scene, ...]
    teachers: "tuple[TrainedNetwork, ...]"
    cuts: tuple[Cut, ...]

    @property
    def levels(self) -> list[str]:
        """Levels of products that the network learns to sharpen: those of the scenes, and of them those that its teachers know.

        On another level, a teacher may be wrong, and the network learns just that: it is for the levels of its teachers.
        """
        levels = {scene.level for scene in self.scenes}
        for same_gsds in by_gsd(self.teachers):
            known = known_levels(same_gsds)
            levels = (levels & known or known) if known else levels
        return sorted(levels)


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
    """Return the trained networks of --teacher; warn if those for a GSD were trained on other levels than the scenes.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: a teacher is for another GSD than --gsd, two are for the same GSD and level, or there is none for a GSD.
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
        for other in teachers:
            check_teaches_other_patches(teacher, other)
        teachers.append(teacher)
    if missing := [gsd for gsd in gsds if not any(gsd in teacher.gsds for teacher in teachers)]:
        raise SettingError(
            f"--gsd {' '.join(map(str, gsds))} needs a --teacher for {in_metres(missing)}, too; give one for each GSD."
        )
    for same_gsds in by_gsd(teachers):
        warn_of_level(" and ".join(teacher.source for teacher in same_gsds), sorted(known_levels(same_gsds)), scenes)
    return tuple(teachers)


def check_teaches_other_patches(teacher: "TrainedNetwork", other: "TrainedNetwork") -> None:
    """Check that two teachers are for other GSDs, or for products of other levels.

    Raises:
        SettingError: both would teach the same patches, or nobody knows whether they would.
    """
    common = [gsd for gsd in teacher.gsds if gsd in other.gsds]
    shared = set(teacher.levels) & set(other.levels)
    if common and (shared or not (teacher.levels and other.levels)):
        level = " and ".join(sorted(shared)) or "unknown levels"
        raise SettingError(
            f"--teacher {other.source} and {teacher.source} are both for {in_metres(common)} and {level}; give one for each "
            f"GSD, or for each level that they were trained on."
        )


def by_gsd(teachers: "Sequence[TrainedNetwork]") -> "list[tuple[TrainedNetwork, ...]]":
    """Return the teachers for each GSD; those that are the same for two GSDs once."""
    gsds = sorted({gsd for teacher in teachers for gsd in teacher.gsds})
    return list(dict.fromkeys(tuple(one for one in teachers if gsd in one.gsds) for gsd in gsds))


def known_levels(teachers: "Sequence[TrainedNetwork]") -> set[str]:
    """Return the levels that teachers were trained on; empty if unknown."""
    return {level for teacher in teachers for level in teacher.levels}


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
