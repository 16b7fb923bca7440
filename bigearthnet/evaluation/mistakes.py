"""The patches that a classifier gets most wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bigearthnet.prediction.prepared_patches import Predictions
from bigearthnet.prepared.file import BigEarthNetFile

SHOWN_MISTAKES = 8
RED_GREEN_BLUE = [2, 1, 0]  # of B02, B03, B04, B08


class Mistake(NamedTuple):
    """A patch with at least one wrong decision.

    Attributes:
        name: of the patch.
        image: (rows, cols, 3) red, green, blue, DN.
        found: classes that the patch holds and the classifier predicts.
        missed: classes that the patch holds and the classifier does not predict.
        wrong: classes that the classifier predicts and the patch does not hold.
    """

    name: str
    image: np.ndarray
    found: Sequence[str]
    missed: Sequence[str]
    wrong: Sequence[str]


def find_mistakes(file: BigEarthNetFile, predictions: Predictions, thresholds: np.ndarray) -> list[Mistake]:
    """Return the worst mistakes: those with the largest distance of a probability from its label, the largest first.

    Args:
        file: the prepared file of the predictions.
        predictions: of N patches.
        thresholds: (C,) a class counts as predicted from this probability on.

    Returns:
        At most SHOWN_MISTAKES; none if all decisions are right.
    """
    labels = predictions.labels.astype(bool)
    decided = predictions.probabilities >= thresholds
    distance = np.where(decided != labels, np.abs(labels - predictions.probabilities), 0).max(axis=1)
    worst = [index for index in np.argsort(-distance, kind="stable")[:SHOWN_MISTAKES] if distance[index] > 0]
    if not worst:
        return []
    images = file.read(predictions.rows[worst], ("s2_10m",))["s2_10m"][..., RED_GREEN_BLUE]

    def names(chosen: np.ndarray) -> list[str]:
        return [file.class_names[index] for index in np.flatnonzero(chosen)]

    return [
        Mistake(
            str(file.names[predictions.rows[index]]),
            image,
            found=names(labels[index] & decided[index]),
            missed=names(labels[index] & ~decided[index]),
            wrong=names(~labels[index] & decided[index]),
        )
        for index, image in zip(worst, images, strict=True)
    ]
