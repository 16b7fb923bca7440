"""The patches of a training: those of a prepared file, by split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import common.distributed as hvd
from bigearthnet.archive.splits import SPLITS
from bigearthnet.prepared.file import PREPARED_FILE, BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from bigearthnet.training.config import BigEarthNetConfig
from common.patches.staging import describe_original, stage_files


@dataclass(frozen=True)
class TrainingData:
    """The patches of a prepared file, with the bands that the network sees.

    Attributes:
        file: the prepared file.
        train: patches to train on.
        val: patches to choose the best weights and the thresholds on.
        test: patches to measure on; may be empty.
    """

    file: BigEarthNetFile
    train: ClassificationPatches
    val: ClassificationPatches
    test: ClassificationPatches


def open_data(config: BigEarthNetConfig, stage: Path | None = None, show_progress: bool = False) -> TrainingData:
    """Open the prepared file. Each rank does so for itself, and all ranks must call it.

    Args:
        config: the settings.
        stage: folder on a disk of each node, to copy the file to and to read it from; None reads the file itself.
        show_progress: show a bar.

    Raises:
        PatchFileError: the file is missing, unfinished or damaged, or of another kind.
        SettingError: the file lacks Sentinel-1 that --bands asks for.
        OutputError: as `stage_files`.
    """
    path, copy = Path(config.data), None
    if stage:
        original = hvd.on_rank_zero(lambda: describe_original(path, BigEarthNetFile(path).attributes, PREPARED_FILE))
        (copy,) = stage_files([original], stage, show_progress)
    file = BigEarthNetFile(path, copy)
    patches = {
        split: ClassificationPatches(file, np.flatnonzero(file.splits == split), config.bands) for split in SPLITS
    }
    return TrainingData(file, **patches)
