"""Which classes occur together: the shares, and the picture."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.figures.cooccurrence import cooccurrence, plot_cooccurrence
from tests.support.metric_rows import LONG
from tests.support.pictures import is_drawn


def test_shares_are_those_of_the_row() -> None:
    """Class 0 is in four patches, class 1 in two of them, class 2 in none."""
    labels = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], np.uint8)
    np.testing.assert_array_equal(cooccurrence(labels), [[1, 0.5, 0], [1, 1, 0], [np.nan] * 3])


def test_counts_do_not_overflow() -> None:
    """Labels are uint8."""
    np.testing.assert_array_equal(cooccurrence(np.ones((300, 2), np.uint8)), 1)


@pytest.mark.parametrize("classes", [2, 21])
def test_picture(tmp_path: Path, classes: int) -> None:
    """The last class is in no patch; with 21 classes there are no numbers."""
    labels = (np.random.default_rng(0).random((30, classes)) < 0.3).astype(np.uint8)
    labels[:, -1] = 0
    plot_cooccurrence(labels, [f"{index} {LONG}" for index in range(classes)], tmp_path / "together.png")
    assert is_drawn(tmp_path / "together.png")
