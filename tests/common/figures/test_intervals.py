"""Differences with their intervals."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from common.figures import intervals
from common.figures.intervals import ANSWER_COLOURS, IntervalRow, plot_intervals

ROWS = [
    IntervalRow("RMSE (DN) ↓", "l2", -3.0, -4.0, -2.0, "better"),
    IntervalRow("RMSE (DN) ↓", "charbonnier", 0.5, -1.0, 2.0, "no difference seen"),
    IntervalRow("UIQ ↑", "l2", -0.2, -0.3, -0.1, "worse"),
]


@pytest.fixture
def figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Figure:
    drawn = []
    monkeypatch.setattr(intervals, "save_png", lambda figure, path: drawn.append(figure))
    plot_intervals(ROWS, "l1", tmp_path / "verdicts.png", "means nothing")
    return drawn[0]


def test_each_interval_is_in_its_panel_and_row_with_the_colour_of_its_answer(figure: Figure) -> None:
    for ax, panel in zip(figure.axes, ("RMSE (DN) ↓", "UIQ ↑"), strict=True):
        rows = [row for row in ROWS if row.panel == panel]
        assert ax.get_title(loc="left") == panel
        zero, *lines = ax.lines
        assert list(zero.get_xdata()) == [0, 0]
        for row, line, mark in zip(rows, lines[::2], lines[1::2], strict=True):
            np.testing.assert_allclose(line.get_xdata(), [row.low, row.high])
            np.testing.assert_allclose(mark.get_xdata(), [row.difference])
            assert {*line.get_ydata(), *mark.get_ydata()} == {["l2", "charbonnier"].index(row.label)}
            assert to_hex(line.get_color()) == to_hex(mark.get_color()) == ANSWER_COLOURS[row.answer].lower()
            low, high = ax.get_xlim()
            assert low <= row.low <= row.high <= high


def test_the_legend_names_the_reference_and_the_notice_is_shown(figure: Figure) -> None:
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "Difference to l1"
    assert {text.get_text() for text in legend.get_texts()} == {"better", "worse", "no difference seen"}
    assert figure.get_supxlabel() == "means nothing"


def test_the_file_is_a_png(tmp_path: Path) -> None:
    plot_intervals(ROWS[:1], "l1", tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
