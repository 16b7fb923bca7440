"""The figure of errors by brightness."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from common.runs.tables import write_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.figures import brightness
from superres.figures.brightness import bins, curves_by_label, plot_errors_by_brightness

ROWS = [
    ReflectanceRow("scene", method, band, low, high, 1000.0, rmse * (index + 1), 0.0, 1.0)
    for method, rmse in (("run 0", 3.0), ("run 1", 4.0), ("other", 10.0))
    for band in ("B05", "B06")
    for index, (low, high) in enumerate(bins()[:-1])
]
LABELS = {"other": "l1", "run 0": "l2", "run 1": "l2"}


def test_curves_are_roots_of_mean_squares_over_bands_and_seeds() -> None:
    curves = curves_by_label(ROWS, LABELS)
    steps = np.arange(1, len(bins()))
    np.testing.assert_allclose(curves["l2"], [*(12.5**0.5 * steps), np.nan])
    np.testing.assert_allclose(curves["l1"], [*(10 * steps), np.nan])
    assert list(curves) == ["l1", "l2"]


def test_both_panels_have_a_line_for_each_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path / "reflectance.csv", ROWS, ReflectanceRow._fields)
    drawn: list[Figure] = []
    monkeypatch.setattr(brightness, "save_png", lambda figure, path: drawn.append(figure))
    plot_errors_by_brightness(tmp_path / "reflectance.csv", LABELS, tmp_path / "a.png", "means nothing")
    errors, ratios = drawn[0].axes
    assert [line.get_label() for line in errors.lines] == ["l1", "l2"]
    np.testing.assert_allclose(ratios.lines[0].get_ydata()[:-1], 1)
    np.testing.assert_allclose(ratios.lines[1].get_ydata()[:-1], 12.5**0.5 / 10)
    assert errors.get_yscale() == "log"
    assert drawn[0].get_supxlabel() == "means nothing"
