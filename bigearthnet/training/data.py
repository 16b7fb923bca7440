"""The patches of a training: those of a prepared file, by split."""

from dataclasses import dataclass

import numpy as np

from bigearthnet.archive.splits import SPLITS
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from bigearthnet.training.config import BigEarthNetConfig


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


def open_data(config: BigEarthNetConfig) -> TrainingData:
    """Open the prepared file. Each rank does so for itself.

    Raises:
        PatchFileError: the file is missing, unfinished or damaged, or of another kind.
        SettingError: the file lacks Sentinel-1 that --bands asks for.
    """
    file = BigEarthNetFile(config.data)
    patches = {
        split: ClassificationPatches(file, np.flatnonzero(file.splits == split), config.bands) for split in SPLITS
    }
    return TrainingData(file, **patches)
