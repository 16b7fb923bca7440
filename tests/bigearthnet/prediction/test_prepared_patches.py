"""Predictions of all ranks, put together."""

import numpy as np

from bigearthnet.prediction.prepared_patches import Predictions, pool_predictions


def test_pooled_predictions_are_in_the_order_of_their_rows() -> None:
    rows = np.array([5, 2, 9])
    pooled = pool_predictions(Predictions(rows, rows[:, None] % 2, rows[:, None] / 10))
    assert pooled.rows.tolist() == [2, 5, 9]
    assert pooled.labels.ravel().tolist() == [0, 1, 1]
    assert pooled.probabilities.ravel().tolist() == [0.2, 0.5, 0.9]
