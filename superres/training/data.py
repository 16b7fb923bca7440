"""The patches of a training: patch files of all scenes, split into training and validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import common.distributed as hvd
from common.patches.cache import prepare_patch_files
from common.patches.file import PatchFile
from common.patches.split import HeldOut, SceneBlocks, choose_validation
from common.rasters.grids import footprint_lonlat
from common.scenes.scene import Scene
from superres.training.config import SuperresConfig
from superres.training.distillation import prepare_teacher_files
from superres.training.patch_source import FusionPatches
from superres.training.plan import TrainingPlan


@dataclass(frozen=True)
class TrainingData:
    """The patches of a training and their split.

    Attributes:
        files: patch files to train on, one a scene; with a teacher, teacher files.
        blocks: all scenes with their blocks.
        held_out: scene name -> blocks that are held out for validation.
        train: patches to train on: those of `files` outside the held-out blocks.
        val: patches to validate on, with native targets: those of the held-out blocks; may be empty.
    """

    files: Sequence[PatchFile]
    blocks: Sequence[SceneBlocks]
    held_out: HeldOut
    train: FusionPatches
    val: FusionPatches


def prepare_data(config: SuperresConfig, plan: TrainingPlan, show_progress: bool = False) -> TrainingData:
    """Open the patch files of all scenes, make those that are missing, and split the patches. Every rank must call it.

    Args:
        config: the settings.
        plan: the scenes and the teacher.
        show_progress: show bars.

    Raises:
        ProductError: a scene is damaged, too small for a patch, or has no patch without nodata.
        PatchFileError: a file in the patch cache is damaged or of other settings.
        OutputError: the patch cache cannot be written.
        SettingError: the scenes cannot be split into training and validation.
    """
    native_files = prepare_patch_files(plan.scenes, config.patches, Path(config.patch_cache), show_progress)
    files = native_files
    if plan.teacher:
        files = prepare_teacher_files(native_files, plan.teacher, config.teacher_variants, show_progress)
    blocks, held_out = hvd.on_rank_zero(lambda: hold_out_blocks(plan.scenes, native_files, config.validation_fraction))
    train, val = split_patches(files, native_files, held_out, config.gsd)
    return TrainingData(files, blocks, held_out, train, val)


def hold_out_blocks(
    scenes: Sequence[Scene], files: Sequence[PatchFile], fraction: float
) -> tuple[list[SceneBlocks], HeldOut]:
    """Choose the blocks that are held out for validation. The choice does not depend on --seed, so that runs compare.

    Args:
        scenes: all scenes of the run.
        files: their patch files.
        fraction: share of the scenes or blocks to hold out.

    Returns:
        All scenes with their blocks; scene name -> blocks that are held out.

    Raises:
        SettingError: the scenes cannot be split.
    """
    blocks = [
        SceneBlocks(scene.name, footprint_lonlat(scene), tuple(np.unique(file.arrays["block"]).tolist()))
        for scene, file in zip(scenes, files, strict=True)
    ]
    return blocks, choose_validation(blocks, fraction, np.random.default_rng(0))


def split_patches(
    files: Sequence[PatchFile], native_files: Sequence[PatchFile], held_out: HeldOut, gsd: int
) -> tuple[FusionPatches, FusionPatches]:
    """Return the patches to train on, from `files`, and to validate on, from `native_files`.

    Args:
        files: patch files to train on; with a teacher, teacher files.
        native_files: patch files of the same scenes with native targets.
        held_out: scene name -> blocks that are held out for validation.
        gsd: native GSD in metres of the bands to sharpen, 20 or 60.
    """

    def is_held_out(file: PatchFile) -> np.ndarray:
        return np.isin(file.arrays["block"], held_out[file.attributes["scene"]])

    return (
        FusionPatches(files, [np.flatnonzero(~is_held_out(file)) for file in files], gsd),
        FusionPatches(native_files, [np.flatnonzero(is_held_out(file)) for file in native_files], gsd),
    )
