"""Made run folders of classification: a network with random weights, thresholds and settings, without any training."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS, band_statistics
from bigearthnet.archive.groups import group_shapes
from bigearthnet.networks.build import build_network
from bigearthnet.prediction.thresholds import write_thresholds
from bigearthnet.prediction.trained import TrainedClassifier, read_trained
from bigearthnet.training.config import BigEarthNetConfig
from common.metrics.thresholds import Threshold
from common.runs.folder import THRESHOLDS, WEIGHTS, write_config
from tests.support.made_patches import CLASSES


def write_classifier(
    folder: Path,
    bands: str = "s2",
    class_names: Sequence[str] = CLASSES,
    superres: Sequence[str] = (),
    seed: int = 0,
    **settings: object,
) -> TrainedClassifier:
    """Write a run folder as bigearthnet-train leaves it, and return what is read from it.

    The network is `small`: let `tiny_network` stand for it in `bigearthnet.networks.catalogue.NETWORKS`.

    Args:
        folder: made if it does not exist.
        superres: groups that were brought to 10 m beforehand.
        seed: of weights and thresholds.
        settings: further fields of `BigEarthNetConfig`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = BigEarthNetConfig(data="data.h5", model="small", bands=bands, **settings)
    shapes = {group: shape for group, shape in group_shapes(True, superres).items() if group in BAND_SETS[bands]}
    write_config(folder, config, class_names=list(class_names), image_shapes=shapes)
    limits = np.random.default_rng(seed).uniform(0.3, 0.7, len(class_names))
    thresholds = [Threshold(name, float(limit), 0.5, 3) for name, limit in zip(class_names, limits, strict=True)]
    write_thresholds(folder / THRESHOLDS, thresholds)
    keras.utils.set_random_seed(seed)
    model = build_network(
        config.model,
        shapes,
        len(class_names),
        config.resampling,
        config.precision,
        config.sync_batch_norm,
        band_statistics(bands),
    )
    model.save_weights(folder / WEIGHTS)
    return read_trained(folder)
