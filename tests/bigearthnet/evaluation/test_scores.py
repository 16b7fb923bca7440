"""Scores of predictions, with the thresholds that they were decided by."""

import numpy as np
import pytest

from bigearthnet.evaluation.scores import score
from bigearthnet.prediction.prepared_patches import Predictions


def test_scores_and_thresholds_of_each_class() -> None:
    labels = np.array([[1, 0], [1, 1], [0, 1]], np.uint8)
    predictions = Predictions(np.arange(3), labels, np.array([[0.9, 0.2], [0.3, 0.9], [0.1, 0.4]], np.float32))
    scores = {(name, metric): value for name, metric, value in score(predictions, [0.25, 0.5], ["a", "b"])}
    assert scores["a", "threshold"] == 0.25 and scores["b", "threshold"] == 0.5
    assert scores["a", "f1"] == 1  # both patches of class a are found from 0.25 on
    assert scores["b", "recall"] == 0.5
    assert scores["all", "hamming"] == pytest.approx(1 / 6)
