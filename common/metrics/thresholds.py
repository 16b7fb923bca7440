"""Decision thresholds of multi-label classification, chosen on validation data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.metrics.multilabel import check_shapes

DEFAULT_THRESHOLD = 0.5


class Threshold(NamedTuple):
    """The decision threshold of a class.

    Attributes:
        name: name of the class.
        threshold: the class is predicted if its probability is at least this.
        f1: F1 on the validation patches with this threshold.
        support: number of validation patches that hold the class.
    """

    name: str
    threshold: float
    f1: float
    support: int


def choose_thresholds(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]) -> list[Threshold]:
    """Return for each class the threshold with the highest F1. Use validation patches, never those of the test split.

    A threshold lies halfway between two probabilities that occur, so that small changes of a probability change no
    decision. A class that no patch holds gets DEFAULT_THRESHOLD.

    Args:
        labels: (N, C) of 0 and 1.
        probabilities: (N, C), 0 to 1.
        class_names: C names in the order of the columns.

    Raises:
        ValueError: shapes do not fit, there is no patch, or a probability is not finite.
    """
    labels = np.asarray(labels).astype(bool)
    check_shapes(labels, probabilities, class_names)
    thresholds = []
    for index, name in enumerate(class_names):
        truth, scores = labels[:, index], probabilities[:, index].astype(np.float64)
        threshold, f1 = best_threshold(truth, scores) if truth.any() else (DEFAULT_THRESHOLD, 0.0)
        thresholds.append(Threshold(name, threshold, f1, int(truth.sum())))
    return thresholds


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Return the threshold with the highest F1, and this F1; among equals the one nearest to DEFAULT_THRESHOLD."""
    from sklearn import metrics

    precision, recall, candidates = metrics.precision_recall_curve(truth, scores)
    total = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], total, out=np.zeros_like(total), where=total > 0)
    lower = np.concatenate([[0.0], candidates[:-1]])
    middles = (lower + candidates) / 2
    best = np.flatnonzero(np.isclose(f1, f1.max()))
    chosen = best[np.argmin(np.abs(middles[best] - DEFAULT_THRESHOLD))]
    return float(middles[chosen]), float(f1[chosen])
