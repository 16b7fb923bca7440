"""The patches of a training: patch files of all scenes, split into training and validation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import common.distributed as hvd
from common.patches.cache import prepare_patch_files
from common.patches.file import LOCATIONS, PATCH_FILE, PatchFile
from common.patches.ground import ScenePatches, patches_on_ground
from common.patches.settings import PatchSettings
from common.patches.split import TRAINING, VALIDATION, Split, margin_m, split_ground, summarize_split
from common.patches.staging import describe_original, stage_files
from common.scenes.scene import Scene
from superres.training.config import SuperresConfig
from superres.training.distillation import prepare_teacher_files
from superres.training.patch_source import FusionPatches
from superres.training.plan import TrainingPlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """The patches of a training and their split.

    Attributes:
        files: patch files to train on, one a scene; with a teacher, teacher files.
        scenes: the patches of all scenes on the ground.
        split: the ground that is held out, and the side of each patch.
        train: patches of `files` to train on.
        val: patches to validate on, with native targets; may be empty.
    """

    files: Sequence[PatchFile]
    scenes: Sequence[ScenePatches]
    split: Split
    train: FusionPatches
    val: FusionPatches

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
        plan: the scenes and the teacher.
        show_progress: show bars.
        stage: folder on a disk of each node, to copy patch files to and to read them from; None reads them in the cache.

    Raises:
        ProductError: a scene is damaged, too small for a patch, or has no patch without nodata.
        PatchFileError: a file in the patch cache is damaged or of other settings.
        OutputError: the patch cache cannot be written; or as `stage_files`.
        SettingError: the scenes cannot be split into training and validation.
    """
    native_files = prepare_patch_files(plan.scenes, config.patches, Path(config.patch_cache), show_progress)
    scenes, split = hvd.on_rank_zero(
        lambda: split_files(plan.scenes, native_files, config.patches, config.validation_fraction)
    )
    files = native_files
    if plan.teacher:
        files = prepare_teacher_files(native_files, plan.teacher, config.teacher_variants, show_progress)
    if stage:
        used = [*files, *(native_files if config.validation_fraction else ())]
        copies = stage_patch_files(used, stage, show_progress)
        files, native_files = ([copies.get(file.path, file) for file in kind] for kind in (files, native_files))
    train, val = select_patches(files, native_files, split, config.gsd)
    return TrainingData(files, scenes, split, train, val)


def split_files(
    scenes: Sequence[Scene], files: Sequence[PatchFile], settings: PatchSettings, fraction: float
) -> tuple[list[ScenePatches], Split]:
    """Split the patches of patch files. The split does not depend on --seed, so that runs compare. Call on rank 0.

    Args:
        scenes: all scenes of the run.
        files: their patch files.
        settings: of the patches.
        fraction: share of the areas or blocks to hold out.

    Returns:
        The patches of all scenes on the ground; their split.

    Raises:
        SettingError: the patches cannot be split.
    """
    ground = [
        patches_on_ground(scene, np.stack([file.arrays[name] for name in LOCATIONS], axis=1), settings)
        for scene, file in zip(scenes, files, strict=True)
    ]
    split = split_ground(ground, margin_m(settings), fraction, np.random.default_rng(0))
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
    files: Sequence[PatchFile], native_files: Sequence[PatchFile], split: Split, gsd: int
) -> tuple[FusionPatches, FusionPatches]:
    """Return the patches to train on, from `files`, and to validate on, from `native_files`.

    Args:
        files: patch files to train on; with a teacher, teacher files, which may hold several variants of each patch.
        native_files: patch files of the same scenes with native targets.
        split: of the patches of `native_files`.
        gsd: native GSD in metres of the bands to sharpen, 20 or 60.
    """

    def rows(file: PatchFile, sides: np.ndarray, side: int) -> np.ndarray:
        return np.flatnonzero(np.tile(sides == side, len(file) // len(sides)))

    return (
        FusionPatches(files, [rows(*pair, TRAINING) for pair in zip(files, split.sides, strict=True)], gsd),
        FusionPatches(
            native_files, [rows(*pair, VALIDATION) for pair in zip(native_files, split.sides, strict=True)], gsd
        ),
    )
