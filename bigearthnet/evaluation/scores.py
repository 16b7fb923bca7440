"""Predictions -> scores of a classifier."""

from collections.abc import Sequence

import numpy as np

from bigearthnet.prediction.prepared_patches import Predictions
from common.metrics.multilabel import ClassMetric, classification_metrics


def score(predictions: Predictions, thresholds: Sequence[float], class_names: Sequence[str]) -> list[ClassMetric]:
    """Return all classification metrics of predictions, and the threshold of each class.

    Args:
        predictions: of N patches.
        thresholds: (C,) a class counts as predicted from this probability on.
        class_names: C names.

    Raises:
        ValueError: as `classification_metrics`.
    """
    scores = classification_metrics(predictions.labels, predictions.probabilities, np.asarray(thresholds), class_names)
    return scores + [
        ClassMetric(name, "threshold", float(threshold))
        for name, threshold in zip(class_names, thresholds, strict=True)
    ]
