"""Trained classifiers as commands take them: a run folder with its network, classes, bands and thresholds."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS, band_statistics
from bigearthnet.networks.build import build_network
from bigearthnet.prediction.thresholds import read_thresholds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.errors import RunFolderError, SettingError
from common.networks.weights import load_weights
from common.runs.folder import THRESHOLDS, WEIGHTS, read_config
from common.runs.tables import distinct_names


@dataclass(frozen=True)
class TrainedClassifier:
    """What a run of bigearthnet-train left.

    Attributes:
        folder: the run folder.
        model, bands, resampling, precision, sync_batch_norm: as in `BigEarthNetConfig`.
        class_names: in the order of the network's outputs.
        image_shapes: input -> (rows, cols, stored bands).
        thresholds: (C,) probability from which on each class counts as present, chosen on validation data.
    """

    folder: Path
    model: str
    bands: str
    resampling: str
    precision: str
    sync_batch_norm: bool
    class_names: tuple[str, ...]
    image_shapes: dict[str, tuple[int, int, int]]
    thresholds: np.ndarray

    @property
    def name(self) -> str:
        """Network and bands, such as `resnet50-s2`."""
        return f"{self.model}-{self.bands}"

    def build(self) -> keras.Model:
        """The network with its weights."""
        model = build_network(
            self.model,
            self.image_shapes,
            len(self.class_names),
            self.resampling,
            self.precision,
            self.sync_batch_norm,
            band_statistics(self.bands),
        )
        load_weights(model, self.folder / WEIGHTS)
        return model

    def patches(self, file: BigEarthNetFile, rows: np.ndarray) -> ClassificationPatches:
        """Patches of a file as the network takes them.

        Raises:
            RunFolderError: the file has other classes or other image sizes.
            SettingError: the file lacks the bands.
        """
        if tuple(file.class_names) != self.class_names:
            raise RunFolderError(
                f"{self.folder} was trained on {describe(self.class_names)}, {file.path} holds "
                f"{describe(file.class_names)}; prepare it with the same --nomenclature."
            )
        source = ClassificationPatches(file, rows, self.bands)
        if source.image_shapes != self.image_shapes:
            raise RunFolderError(
                f"{self.folder} was trained on images {sizes(self.image_shapes)}, {file.path} holds "
                f"{sizes(source.image_shapes)}; give a file of bands at the same GSD."
            )
        return source


def read_trained(folder: Path | str) -> TrainedClassifier:
    """Find out what a run folder holds.

    Raises:
        RunFolderError: it is none of a finished run of bigearthnet-train.
    """
    folder = Path(folder)
    config = read_config(folder)
    if config.get("application") != "bigearthnet":
        raise RunFolderError(f"{folder} holds no run of bigearthnet-train; give one that it wrote.")
    try:
        thresholds = read_thresholds(folder / THRESHOLDS)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunFolderError(
            f"{folder} has no readable {THRESHOLDS}: its training is not over; finish it with --resume."
        ) from error
    try:
        settings = {
            name: config["settings"][name] for name in ("model", "bands", "resampling", "precision", "sync_batch_norm")
        }
        shapes = {name: tuple(shape) for name, shape in config["image_shapes"].items()}
        names = tuple(config["class_names"])
        BAND_SETS[settings["bands"]]
    except (KeyError, AttributeError, TypeError) as error:
        raise RunFolderError(f"{folder} was written by another version ({error} is unknown); train again.") from error
    if names != tuple(threshold.name for threshold in thresholds):
        raise RunFolderError(f"{folder} has thresholds of other classes than its network; train again.")
    return TrainedClassifier(
        folder,
        **settings,
        class_names=names,
        image_shapes=shapes,
        thresholds=np.array([threshold.threshold for threshold in thresholds]),
    )


def describe(class_names: tuple[str, ...]) -> str:
    """How many classes, and the first, for a message."""
    return f"{len(class_names)} classes from {class_names[0]!r} on"


def sizes(shapes: dict[str, tuple[int, int, int]]) -> str:
    """`s2_10m 120 x 120 x 4, ...`"""
    return ", ".join(f"{name} {' x '.join(map(str, shape))}" for name, shape in shapes.items())


def method_names(trained: list[TrainedClassifier]) -> list[str]:
    """Return network and bands of each classifier; those that two share are followed by the name of the run folder.

    Raises:
        SettingError: two run folders hold the same network and have the same name.
    """
    names = distinct_names(
        [classifier.name for classifier in trained],
        [f"{classifier.name} {classifier.folder.name}" for classifier in trained],
    )
    if len(set(names)) < len(names):
        raise SettingError("two run folders hold the same network and have the same name; rename one of them.")
    return names
