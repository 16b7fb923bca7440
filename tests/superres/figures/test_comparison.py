"""The figure of a comparison: a colour for each network, a marker for each upsampling, lines for interpolation."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from superres.evaluation.comparison import ComparedNetwork, write_comparison
from superres.figures import comparison
from superres.figures.comparison import colours_and_markers, plot_comparison_table
from tests.support.pictures import assert_only_picture


def line(label: str, seed: int | None, rmse: float, work: float | None = None) -> ComparedNetwork:
    """A line of the table; all its metrics but the RMSE are 1."""
    metrics = (rmse, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    return ComparedNetwork(f"{label} {seed}", label, seed, "gaussian", 1, *metrics, 1000 if work else None, work, work)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    networks = [
        line("bicubic", None, 150.0),
        line("fuse, bilinear", 0, 40.0, 1e5),
        line("fuse, bilinear", 1, 44.0, 1e5),
        line("fuse, nearest", 0, 41.0, 1e5),
        line("dsen2, bilinear", 0, 35.0, 2e6),
    ]
    write_comparison(tmp_path / "comparison.csv", networks)
    return tmp_path / "comparison.csv"


def test_the_figure_is_saved(table, tmp_path):
    plot_comparison_table(table, tmp_path / "figure.png")
    assert_only_picture(tmp_path, "figure.png", "comparison.csv")


def test_seeds_and_their_mean_lie_at_the_work_of_the_network(table, tmp_path, monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(comparison, "save_png", lambda figure, path: figures.append(figure))
    plot_comparison_table(table, tmp_path / "figure.png", ("rmse",))
    (ax,) = figures[0].axes
    lines = {handle.get_label(): handle for handle in ax.get_lines() if not handle.get_label().startswith("_")}
    assert list(lines) == ["bicubic", "fuse, bilinear, 2 seeds", "fuse, nearest", "dsen2, bilinear"]
    np.testing.assert_array_equal(lines["bicubic"].get_ydata(), [150, 150])
    assert lines["bicubic"].get_linestyle() == "--"
    np.testing.assert_allclose(lines["fuse, bilinear, 2 seeds"].get_xydata(), [[0.1, 42]])
    np.testing.assert_allclose(lines["dsen2, bilinear"].get_xydata(), [[2, 35]])
    faint = [handle for handle in ax.get_lines() if handle.get_alpha()]
    np.testing.assert_allclose(faint[0].get_xydata(), [[0.1, 40], [0.1, 44]])


def test_colours_are_those_of_networks_and_markers_those_of_upsamplings():
    colours, markers = colours_and_markers(["fuse, bilinear", "fuse, nearest", "dsen2, bilinear", "runs/other"])
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3
    assert markers[0] == markers[2]
    assert len(set(markers)) == 3
