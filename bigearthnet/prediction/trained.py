"""Trained classifiers as commands take them: a run folder with its network, classes, bands and thresholds.

Keras is imported only to build a network, so that a wrong folder is told at once.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS, band_statistics
from bigearthnet.archive.groups import group_shapes
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.prediction.thresholds import read_thresholds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.errors import RunFolderError, SettingError
from common.files.read_errors import describe_missing
from common.networks.precision import PRECISIONS
from common.runs.folder import CONFIG, THRESHOLDS, WEIGHTS, read_config
from common.runs.tables import distinct_names

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class TrainedClassifier:
    """A finished run of bigearthnet-train: everything that its run folder says, except the weights.

    Attributes:
        folder: the run folder.
        network_name: one of `bigearthnet.networks.catalogue.NETWORKS`.
        bands: the band set, one of BAND_SETS.
        upsampling: one of `bigearthnet.networks.catalogue.UPSAMPLINGS`.
        precision: one of PRECISIONS.
        dropout: share of the features that training left out; a prediction uses all.
        sync_batch_norm: whether batches were normalised with the statistics of all ranks.
        class_names: in the order of the network's outputs.
        image_shapes: group -> (rows, cols, stored bands).
        thresholds: (C,) a class counts as present from this probability on; chosen on validation patches.
    """

    folder: Path
    network_name: str
    bands: str
    upsampling: str
    precision: str
    sync_batch_norm: bool
    dropout: float
    class_names: tuple[str, ...]
    image_shapes: dict[str, tuple[int, int, int]]
    thresholds: np.ndarray

    @property
    def title(self) -> str:
        """Network and bands, such as `resnet50-s2`."""
        return f"{self.network_name}-{self.bands}"

    def build(self) -> "keras.Model":
        """Return the network with its weights, on all ranks. Every rank must call it.

        Raises:
            WeightsError: the weights are missing or damaged, or are of another network; on all ranks.
        """
        from bigearthnet.networks.build import build_network
        from common.networks.weights import load_weights_on_all_ranks

        model = build_network(
            self.network_name,
            self.image_shapes,
            len(self.class_names),
            self.upsampling,
            self.precision,
            self.sync_batch_norm,
            band_statistics(self.bands),
            self.dropout,
        )
        load_weights_on_all_ranks(model, self.folder / WEIGHTS)
        return model

    def patches(self, file: BigEarthNetFile, rows: np.ndarray) -> ClassificationPatches:
        """Return the patches in some rows of a prepared file, with the bands of the network.

        Raises:
            RunFolderError: the file has other classes or other image sizes.
            SettingError: the file lacks Sentinel-1.
        """
        if file.class_names != self.class_names:
            raise RunFolderError(
                f"{self.folder} was trained on {_describe_classes(self.class_names)}, {file.path} holds "
                f"{_describe_classes(file.class_names)}; prepare it with the same --nomenclature."
            )
        patches = ClassificationPatches(file, rows, self.bands)
        if patches.image_shapes != self.image_shapes:
            raise RunFolderError(
                f"{self.folder} was trained on images {describe_shapes(self.image_shapes)}, {file.path} holds "
                f"{describe_shapes(patches.image_shapes)}; give a file of bands at the same GSD."
            )
        return patches


def read_trained(folder: Path) -> TrainedClassifier:
    """Read the run folder of a classifier, except the weights.

    Raises:
        RunFolderError: the folder does not hold a finished run of bigearthnet-train, or the run is of another version.
    """
    config = read_config(folder)
    if config.get("application") != "bigearthnet":
        raise RunFolderError(f"{folder} holds no run of bigearthnet-train; give the run folder of one.")
    if not os.path.lexists(folder / THRESHOLDS):
        raise RunFolderError(f"{folder} has no {THRESHOLDS}: its training is not over; finish it with --resume.")
    if not (folder / WEIGHTS).is_file():
        raise RunFolderError(f"{folder / WEIGHTS} {describe_missing(folder / WEIGHTS)}; restore it, or train again.")
    thresholds = read_thresholds(folder / THRESHOLDS)
    try:
        trained = TrainedClassifier(
            folder,
            network_name=_known_setting(config, "model", NETWORKS),
            bands=_known_setting(config, "bands", BAND_SETS),
            upsampling=_known_setting(config, "resampling", UPSAMPLINGS),
            precision=_known_setting(config, "precision", PRECISIONS),
            sync_batch_norm=bool(config["settings"]["sync_batch_norm"]),
            dropout=float(config["settings"].get("dropout", 0.0)),  # runs of older versions had none
            class_names=tuple(config["class_names"]),
            image_shapes=_known_shapes(config),
            thresholds=np.array([threshold.threshold for threshold in thresholds]),
        )
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{folder / CONFIG} was written by another version ({error}); use the version that wrote it, or train again."
        ) from error
    if trained.class_names != tuple(threshold.name for threshold in thresholds):
        raise RunFolderError(f"{folder / THRESHOLDS} is of other classes than the network in {folder}; train again.")
    return trained


def _known_setting(config: Mapping, key: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """Return a setting of a run that must be one of several names."""
    value = config["settings"][key]
    if value not in known:
        raise ValueError(f"{key} {value!r} is unknown")
    return value


def _known_shapes(config: Mapping) -> dict[str, tuple[int, int, int]]:
    """Return the image shapes of a run, which must be those of patches at native GSD or at 10 m."""
    shapes = {group: tuple(shape) for group, shape in config["image_shapes"].items()}
    if shapes.keys() != BAND_SETS[config["settings"]["bands"]].keys():
        raise ValueError(f"image_shapes are of {', '.join(shapes)}")
    for group, shape in shapes.items():
        if shape not in (group_shapes(True)[group], group_shapes(True, [group])[group]):
            raise ValueError(f"{group} has the shape {shape}")
    return shapes


def describe_shapes(shapes: Mapping[str, tuple[int, int, int]]) -> str:
    """Return shapes for a message: `s2_10m 120 x 120 x 4, ...`."""
    return ", ".join(f"{group} {' x '.join(map(str, shape))}" for group, shape in shapes.items())


def _describe_classes(class_names: Sequence[str]) -> str:
    return f"{len(class_names)} classes from {class_names[0]!r} on"


def method_names(trained: Sequence[TrainedClassifier]) -> list[str]:
    """Return network and bands of each classifier; those that two share are followed by the name of the run folder.

    Raises:
        SettingError: two run folders hold the same network and have the same name.
    """
    names = distinct_names(
        [classifier.title for classifier in trained],
        [f"{classifier.title} {classifier.folder.name}" for classifier in trained],
    )
    if len(set(names)) < len(names):
        raise SettingError("two run folders hold the same network and have the same name; rename one of them.")
    return names
