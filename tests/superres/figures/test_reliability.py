"""The figure of expected and true errors."""

import numpy as np
import pytest

from common.runs.tables import write_rows
from superres.evaluation.output import RELIABILITY, RELIABILITY_FIGURE
from superres.evaluation.reliability.table import ReliabilityRow
from superres.figures import reliability
from superres.figures.reliability import plot_reliability


@pytest.mark.parametrize("scenes", [("a",), ("a", "b", "all scenes")])
def test_the_deciles_of_the_last_scene_are_drawn(tmp_path, monkeypatch, scenes):
    rows = [
        ReliabilityRow(scene, band, decile, float(decile or 5), number + 2.0 * (decile or 5), 0.7, 0.94)
        for band in ("B01", "B09")
        for number, scene in enumerate(scenes)
        for decile in (None, *range(1, 11))
    ]
    write_rows(tmp_path / RELIABILITY, rows, ReliabilityRow._fields)
    figures = []
    save = reliability.save_png
    monkeypatch.setattr(reliability, "save_png", lambda figure, path: (figures.append(figure), save(figure, path)))
    plot_reliability(tmp_path)
    assert (tmp_path / RELIABILITY_FIGURE).read_bytes()[:4] == b"\x89PNG"
    errors, shares = figures[0].axes
    assert [line.get_label() for line in errors.lines[:2]] == ["B01", "B09"]
    np.testing.assert_array_equal(errors.lines[0].get_ydata(), len(scenes) - 1 + 2 * np.arange(1, 11))
    assert len(shares.lines) == 2 * 2 + 2
