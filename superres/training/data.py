"""The patches of a training: patch files of all scenes, split into training and validation."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import common.distributed as hvd
from common.patches.cache import prepare_patch_files
from common.patches.file import LOCATIONS, PATCH_FILE, PatchFile
from common.patches.ground import ScenePatches, patches_on_ground
from common.patches.split import TRAINING, VALIDATION, Cut, Split, margin_m, split_ground, summarize_split
from common.patches.staging import describe_original, stage_files
from common.pixels.sentinel2 import JOINT, Gsd
from superres.training.config import SuperresConfig
from superres.training.distillation import prepare_teacher_files, teachers_of_level
from superres.training.patch_source import FusionPatches
from superres.training.plan import TrainingPlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """The patches of a training and their split.

    Attributes:
        files: patch files to train on, one a scene, for a joint network one a scene and scale; with a teacher, teacher files.
        scenes: the patches of each file on the ground.
        split: the ground that is held out, and the side of each patch.
        train: patches of `files` to train on.
        val: patches to validate on, with native targets, where they exist; may be empty.
        levels: of products that the network learns to sharpen, as `TrainingPlan.levels`.
    """

    files: Sequence[PatchFile]
    scenes: Sequence[ScenePatches]
    split: Split
    train: FusionPatches
    val: FusionPatches
    levels: Sequence[str]

    def validation_blocks(self) -> dict[str, list[int]]:
        """Return scene name -> the blocks with patches that validate."""
        return {
            scene.name: np.unique(scene.blocks[sides == VALIDATION]).tolist()
            for scene, sides in zip(self.scenes, self.split.sides, strict=True)
        }


def prepare_data(
    config: SuperresConfig, plan: TrainingPlan, show_progress: bool = False, stage: Path | None = None
) -> TrainingData:
    """Open the patch files of all scenes, make those that are missing, and split the patches. Every rank must call it.

    Args:
        config: the settings.
        plan: the scenes and the teachers.
        show_progress: show bars.
        stage: folder on a disk of each node, to copy patch files to and to read them from; None reads them in the cache.

    Raises:
        ProductError: a scene is damaged, too small for a patch, or has no patch without nodata.
        PatchFileError: a file in the patch cache is damaged or of other settings.
        OutputError: the patch cache cannot be written; or as `stage_files`.
        SettingError: the scenes cannot be split into training and validation.
    """
    native_files = prepare_cuts(plan.cuts, Path(config.patch_cache), show_progress)
    scenes, split = hvd.on_rank_zero(lambda: split_files(plan.cuts, native_files, config.validation_fraction))
    files = native_files
    if plan.teachers:
        teachers = [teachers_of_level(plan.teachers, cut.scene.level) for cut in plan.cuts]
        files = prepare_teacher_files(native_files, teachers, config.teacher_variants, show_progress)
    # A joint network has no native 60 m bands at most scales: it validates on predictions of its teachers.
    validated_files = files if config.gsd == JOINT else native_files
    if stage:
        used = [*files, *(validated_files if config.validation_fraction else ())]
        copies = stage_patch_files(used, stage, show_progress)
        files, validated_files = ([copies.get(file.path, file) for file in kind] for kind in (files, validated_files))
    train, val = select_patches(files, validated_files, split, config.gsd)
    return TrainingData(files, scenes, split, train, val, plan.levels)


def prepare_cuts(cuts: Sequence[Cut], cache: Path, show_progress: bool) -> list[PatchFile]:
    """Open the patch files of all cuts, and make those that are missing. Every rank must call it; errors as `prepare_data`."""
    files: dict[int, PatchFile] = {}
    for settings in dict.fromkeys(cut.settings for cut in cuts):
        own = [index for index, cut in enumerate(cuts) if cut.settings == settings]
        scenes = tuple(cuts[index].scene for index in own)
        files |= zip(own, prepare_patch_files(scenes, settings, cache, show_progress), strict=True)
    return [files[index] for index in range(len(cuts))]


def split_files(cuts: Sequence[Cut], files: Sequence[PatchFile], fraction: float) -> tuple[list[ScenePatches], Split]:
    """Split the patches of patch files. The split does not depend on --seed, so that runs compare. Call on rank 0.

    Args:
        cuts: all scenes of the run, each with the settings of its patches.
        files: their patch files.
        fraction: share of the areas or blocks to hold out.

    Returns:
        The patches of all scenes on the ground; their split.

    Raises:
        SettingError: the patches cannot be split.
    """
    ground = [
        patches_on_ground(scene, np.stack([file.arrays[name] for name in LOCATIONS], axis=1), settings)
        for (scene, settings), file in zip(cuts, files, strict=True)
    ]
    margin = max(margin_m(settings) for _, settings in cuts)
    split = split_ground(ground, margin, fraction, np.random.default_rng(0))
    if fraction:
        logger.info("%s", summarize_split(ground, split))
    return ground, split


def stage_patch_files(files: Sequence[PatchFile], folder: Path, show_progress: bool = False) -> dict[Path, PatchFile]:
    """Copy patch files to a disk of each node, and open them to be read from there. Every rank must call it.

    Args:
        files: the files; each is copied once, also if it is there twice.
        folder: on a disk of each node.
        show_progress: show a bar.

    Returns:
        Path of a file -> the file, read from its copy.

    Raises:
        OutputError, PatchFileError: as `stage_files`.
    """
    files = {file.path: file for file in files}.values()
    originals = hvd.on_rank_zero(lambda: [describe_original(file.path, file.attributes, PATCH_FILE) for file in files])
    copies = stage_files(originals, folder, show_progress)
    return {file.path: PatchFile(file.path, copy) for file, copy in zip(files, copies, strict=True)}


def select_patches(
    files: Sequence[PatchFile], validated_files: Sequence[PatchFile], split: Split, gsd: Gsd
) -> tuple[FusionPatches, FusionPatches]:
    """Return the patches to train on, from `files`, and to validate on, from `validated_files`.

    Args:
        files: patch files to train on; with a teacher, teacher files, which may hold several variants of each patch.
        validated_files: patch files of the same scenes; those with native targets, if there are any. Only the first variant of
            a patch validates.
        split: of the patches, without variants.
        gsd: native GSD in metres of the bands to sharpen: 20, 60 or JOINT.
    """
    train_rows = [
        np.flatnonzero(np.tile(sides == TRAINING, len(file) // len(sides)))
        for file, sides in zip(files, split.sides, strict=True)
    ]
    if gsd == JOINT:
        train_rows = with_equal_shares(train_rows, [file.attributes["scale_factor"] for file in files])
    val_rows = [np.flatnonzero(sides == VALIDATION) for sides in split.sides]
    return FusionPatches(files, train_rows, gsd), FusionPatches(validated_files, val_rows, gsd)


def with_equal_shares(rows: Sequence[np.ndarray], scales: Sequence[int]) -> list[np.ndarray]:
    """Return rows of patch files in which each scale has about as many as the one with the most: others are repeated.

    A scene has fewer patches the more it is degraded, and all scales should count alike.

    Args:
        rows: of each file.
        scales: of each file.
    """
    counts: Counter[int] = Counter()
    for file_rows, scale in zip(rows, scales, strict=True):
        counts[scale] += len(file_rows)
    most = max(counts.values())
    return [
        np.tile(file_rows, round(most / max(1, counts[scale]))) for file_rows, scale in zip(rows, scales, strict=True)
    ]
