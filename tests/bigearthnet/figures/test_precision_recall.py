"""Curves of precision over recall: the points that are drawn, and the picture."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from bigearthnet.figures.precision_recall import CURVE_POINTS, plot_precision_recall, recall_precision
from tests.support.pictures import is_drawn


def case(patches: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, (patches,); at least one label is 1."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(patches) < 0.3).astype(np.uint8)
    labels[0] = 1
    return labels, rng.random(patches)


@pytest.mark.parametrize("seed", range(3))
def test_area_below_the_steps_is_the_average_precision(seed: int) -> None:
    labels, probabilities = case(50, seed)
    recall, precision = recall_precision(labels, probabilities)
    area = -np.sum(np.diff(recall) * precision[:-1])
    assert area == pytest.approx(metrics.average_precision_score(labels, probabilities))
    assert (recall[0], recall[-1]) == (1, 0)


def test_precision_at_recall_zero_is_one_that_a_threshold_reaches() -> None:
    """The patch with the highest probability does not hold the class."""
    _, precision = recall_precision(np.array([0, 1]), np.array([0.9, 0.1]))
    assert precision.max() == 0.5


def test_long_curves_are_thinned_out() -> None:
    recall, precision = recall_precision(*case(5 * CURVE_POINTS))
    assert len(recall) == len(precision) == CURVE_POINTS
    assert (recall[0], recall[-1]) == (1, 0)
    assert (np.diff(recall) <= 0).all()


@pytest.mark.parametrize("classes", [2, 21])
def test_picture_of_two_methods(tmp_path: Path, classes: int) -> None:
    """The last class is in no patch."""
    rng = np.random.default_rng(0)
    labels = (rng.random((30, classes)) < 0.3).astype(np.uint8)
    labels[:, -1] = 0
    probabilities = {method: rng.random(labels.shape) for method in ("one", "two")}
    plot_precision_recall(labels, probabilities, tmp_path / "curves.png")
    assert is_drawn(tmp_path / "curves.png")
