"""Scores of a classifier, and the patches that it gets most wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bigearthnet.prediction.probabilities import Predictions
from bigearthnet.prepared.file import BigEarthNetFile
from common.metrics.multilabel import ClassMetric, classification_metrics

SHOWN_MISTAKES = 8
RED_GREEN_BLUE = [2, 1, 0]  # of B02, B03, B04, B08


class Mistake(NamedTuple):
    """A patch that was got wrong.

    Attributes:
        name: of the patch.
        image: (rows, cols, 3) red, green, blue, DN.
        right, missed, wrong: classes found; there but not found; found but not there.
    """

    name: str
    image: np.ndarray
    right: Sequence[str]
    missed: Sequence[str]
    wrong: Sequence[str]


def score(predictions: Predictions, thresholds: Sequence[float], class_names: Sequence[str]) -> list[ClassMetric]:
    """`classification_metrics` of predictions, and the threshold of each class."""
    found = classification_metrics(predictions.labels, predictions.probabilities, np.asarray(thresholds), class_names)
    return found + [
        ClassMetric(name, "threshold", float(value)) for name, value in zip(class_names, thresholds, strict=True)
    ]


def find_mistakes(file: BigEarthNetFile, predictions: Predictions, thresholds: np.ndarray) -> list[Mistake]:
    """The patches that were got wrong with most confidence: by the largest distance of a probability from its label."""
    decided = predictions.probabilities >= thresholds
    labels = predictions.labels.astype(bool)
    distance = np.where(decided != labels, np.abs(labels - predictions.probabilities), 0).max(axis=1)
    worst = [number for number in np.argsort(-distance, kind="stable")[:SHOWN_MISTAKES] if distance[number] > 0]
    if not worst:
        return []
    images = file.read(predictions.rows[worst], ("s2_10m",))["s2_10m"][..., RED_GREEN_BLUE]

    def named(which: np.ndarray) -> list[str]:
        return [file.class_names[index] for index in np.flatnonzero(which)]

    return [
        Mistake(
            str(file.names[predictions.rows[number]]),
            image,
            named(labels[number] & decided[number]),
            named(labels[number] & ~decided[number]),
            named(~labels[number] & decided[number]),
        )
        for number, image in zip(worst, images, strict=True)
    ]
