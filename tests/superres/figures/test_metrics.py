"""Bars of metrics: any methods, infinite values, bands, chosen metrics."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from superres.figures import metrics
from superres.figures.metrics import plot_band_metrics, plot_metrics
from tests.support.pictures import assert_only_picture, write_table


def metrics_table(folder: Path, methods: tuple[str, ...], values: dict[str, float]) -> Path:
    scene = "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301"
    rows = [(scene, method, "all", metric, value) for method in methods for metric, value in values.items()]
    return write_table(folder / "metrics.csv", ("scene", "method", "band", "metric", "value"), rows)


@pytest.mark.parametrize("methods", [("bicubic",), ("bilinear", "bicubic", "dsen2", "vdsen2")])
def test_any_number_of_methods(tmp_path, methods):
    table = metrics_table(tmp_path, methods, {"rmse": 35.6, "sre": 27.1, "ergas": 3.2, "sam": 1.4, "uiq": 0.9})
    plot_metrics(table, tmp_path / "metrics.png")
    assert_only_picture(tmp_path, "metrics.png", "metrics.csv")


@pytest.mark.filterwarnings("error")
def test_infinite_values(tmp_path):
    """The SRE of a perfect image is infinite."""
    plot_metrics(metrics_table(tmp_path, ("dsen2",), {"rmse": 0.0, "sre": np.inf}), tmp_path / "metrics.png")
    assert_only_picture(tmp_path, "metrics.png", "metrics.csv")


def test_a_table_without_overall_values_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="has no rmse, sre, ergas, sam of band all"):
        plot_metrics(metrics_table(tmp_path, ("dsen2",), {"uiq": 1.0}), tmp_path / "metrics.png")


def test_bars_by_band_are_means_over_scenes(tmp_path, monkeypatch):
    """The overall value has no bar."""
    rows = [
        (scene, method, band, "rmse", value)
        for scene, value in (("one", 3), ("two", 5))
        for method in ("bicubic", "dsen2")
        for band in ("all", "B05", "B12")
    ]
    table = write_table(tmp_path / "metrics.csv", ("scene", "method", "band", "metric", "value"), rows)
    plot_band_metrics(table, tmp_path / "bands.png")
    assert_only_picture(tmp_path, "bands.png", "metrics.csv")
    figures = []
    monkeypatch.setattr(metrics, "save_png", lambda figure, path: figures.append(figure))
    plot_band_metrics(table, tmp_path / "bands.png")
    (ax,) = figures[0].axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["B05", "B12"]
    assert [bar.get_width() for bar in ax.patches] == [4] * 4
    with pytest.raises(ValueError, match="has no uiq by band"):
        plot_band_metrics(table, tmp_path / "bands.png", ("uiq",))


def test_chosen_metrics_have_a_panel_each(tmp_path):
    table = metrics_table(tmp_path, ("bicubic", "dsen2"), {"rmse": 35.6, "consistency": 2.1, "sharpness": 0.9})
    plot_metrics(table, tmp_path / "full_scale.png", ("consistency", "sharpness"))
    plot_metrics(table, tmp_path / "metrics.png")
    assert imread(tmp_path / "metrics.png").shape[1] < imread(tmp_path / "full_scale.png").shape[1]
