"""Decision thresholds of multi-label classification, chosen on validation data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn import metrics

from common.metrics.multilabel import check_shapes

DEFAULT_THRESHOLD = 0.5


class Threshold(NamedTuple):
    """The decision threshold of a class: predicted where the probability is at least this.

    Attributes:
        name: of the class.
        threshold: probability.
        f1: that it reaches on the patches that it was chosen on.
        support: patches among them that hold the class.
    """

    name: str
    threshold: float
    f1: float
    support: int


def choose_thresholds(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]) -> list[Threshold]:
    """The threshold of each class at which its F1 is highest; on validation data, never on those that are measured.

    Halfway to the next lower probability that occurs, which is as good here and safer elsewhere; DEFAULT_THRESHOLD for
    a class that no patch holds.

    Args and errors: as `classification_metrics`.
    """
    labels = np.asarray(labels).astype(bool)
    check_shapes(labels, probabilities, class_names)
    found = []
    for index, name in enumerate(class_names):
        truth, scores = labels[:, index], probabilities[:, index].astype(np.float64)
        threshold, f1 = best_threshold(truth, scores) if truth.any() else (DEFAULT_THRESHOLD, 0.0)
        found.append(Threshold(name, threshold, f1, int(truth.sum())))
    return found


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Threshold with the highest F1, and this F1; of several as good, the one nearest to DEFAULT_THRESHOLD."""
    precision, recall, candidates = metrics.precision_recall_curve(truth, scores)
    total = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], total, out=np.zeros_like(total), where=total > 0)
    lower = np.concatenate([[0.0], candidates[:-1]])
    middles = (lower + candidates) / 2
    best = np.flatnonzero(np.isclose(f1, f1.max()))
    chosen = best[np.argmin(np.abs(middles[best] - DEFAULT_THRESHOLD))]
    return float(middles[chosen]), float(f1[chosen])
