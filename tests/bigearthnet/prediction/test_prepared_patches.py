"""Predictions of a prepared file: complete, in the order of its rows, with their labels."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.prediction.prepared_patches import Predictions, pool_predictions, predict_prepared
from bigearthnet.prediction.probabilities import predict_images
from bigearthnet.prepared.file import BigEarthNetFile
from tests.support.made_patches import write_made
from tests.support.made_runs import write_classifier


def test_pooled_predictions_are_in_the_order_of_their_rows() -> None:
    rows = np.array([5, 2, 9])
    pooled = pool_predictions(Predictions(rows, rows[:, None] % 2, rows[:, None] / 10))
    assert pooled.rows.tolist() == [2, 5, 9]
    assert pooled.labels.ravel().tolist() == [0, 1, 1]
    assert pooled.probabilities.ravel().tolist() == [0.2, 0.5, 0.9]


@pytest.mark.usefixtures("tiny", "line_after_each_piece")
@pytest.mark.parametrize("rows", [[4, 1, 2], []])
def test_predictions_are_those_of_the_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[int]) -> None:
    trained = write_classifier(tmp_path / "run", "10m")
    file = BigEarthNetFile(write_made(tmp_path / "made.h5", ["test"] * 6))
    model = trained.build()
    predicted = predict_prepared(model, trained.patches(file, np.array(rows, int)), 2, "predicting")
    assert predicted.rows.tolist() == sorted(rows)
    np.testing.assert_array_equal(predicted.labels, file.labels[sorted(rows)])
    assert predicted.probabilities.shape == (len(rows), len(file.class_names))
    if rows:
        expected = predict_images(model, file.read(np.array(sorted(rows)), ("s2_10m",)), batch_size=3)
        np.testing.assert_allclose(predicted.probabilities, expected, atol=1e-5)
        assert "predicting: 2 of 3 patches, " in caplog.text
        assert "predicting: 3 of 3 patches, " in caplog.text
