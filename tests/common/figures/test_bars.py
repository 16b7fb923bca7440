"""Horizontal bars with numbers, in groups."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from common.figures.bars import draw_bars


@pytest.fixture
def ax() -> Axes:
    """Empty axes."""
    return Figure().subplots()


def test_each_value_has_a_bar_of_its_length_colour_and_group(ax: Axes) -> None:
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    colours = ["#0072b2", "#e69f00", "#009e73"]
    draw_bars(ax, values, colours, "{:.1f}".format)
    for index, bars in enumerate(ax.containers):
        assert [bar.get_width() for bar in bars] == values[:, index].tolist()
        assert {to_hex(bar.get_facecolor()) for bar in bars} == {colours[index]}
    centres = np.array([[bar.get_y() + bar.get_height() / 2 for bar in bars] for bars in ax.containers]).T
    np.testing.assert_allclose(centres.mean(axis=1), [0, 1], atol=1e-9)
    assert np.abs(centres - [[0], [1]]).max() < 0.5  # nearer to its own group than to the next
    assert {text.get_text() for text in ax.texts} == {"1.0", "2.0", "3.0", "4.0", "5.0", "6.0"}


def test_bars_do_not_overlap(ax: Axes) -> None:
    draw_bars(ax, np.ones((3, 4)), ["blue"] * 4, str)
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches)
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_nan_leaves_a_gap_and_infinity_has_a_number(ax: Axes) -> None:
    draw_bars(ax, np.array([[np.nan], [np.inf], [2.0]]), ["blue"], "{:.0f}".format)
    assert [bar.get_width() for bar in ax.patches] == [0, 0, 2]
    assert [text.get_text() for text in ax.texts] == ["", "inf", "2"]
