"""Figures: a PNG that shows something is there as a whole, and nothing else is left."""

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from superres.figures import metrics
from superres.figures.history import plot_history
from superres.figures.metrics import plot_band_metrics, plot_metrics
from superres.figures.pictures import plot_comparison

HISTORY = ("epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds")


def write_table(path: Path, header: tuple[str, ...], rows: list[tuple]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def assert_only_picture(folder: Path, name: str, *others: str) -> np.ndarray:
    """The picture is whole and not blank, and the folder holds nothing beside it and `others`."""
    assert sorted(path.name for path in folder.iterdir()) == sorted((name, *others))
    pixels = imread(folder / name)[..., :3]
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 0.02
    return pixels


def metrics_table(folder: Path, methods: tuple[str, ...], values: dict[str, float]) -> Path:
    scene = "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301"
    rows = [(scene, method, "all", metric, value) for method in methods for metric, value in values.items()]
    return write_table(folder / "metrics.csv", ("scene", "method", "band", "metric", "value"), rows)


def random_images(bands: int, scale_factor: int = 2) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 5000, (24, 24, bands), dtype=np.uint16)
    low_res = truth[::scale_factor, ::scale_factor]
    return truth, truth[::-1], truth + 7, low_res


def test_history(tmp_path):
    rows = [(epoch, 1 / epoch, 1.1 / epoch, 500 / epoch, 1e-4, 3) for epoch in range(1, 30)]
    plot_history(write_table(tmp_path / "history.csv", HISTORY, rows), tmp_path / "curve.png")
    assert_only_picture(tmp_path, "curve.png", "history.csv")


@pytest.mark.parametrize("row", [(1, 0.3, "", "", 1e-4, 9), (1, "nan", "nan", 12, 0, 9)])
def test_history_of_one_epoch_with_gaps(tmp_path, row):
    plot_history(write_table(tmp_path / "history.csv", HISTORY, [row]), tmp_path / "curve.png")
    assert_only_picture(tmp_path, "curve.png", "history.csv")


def test_curves_that_share_a_panel_are_told_apart(tmp_path, monkeypatch):
    painted = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: [painted.append(figure), Path(path).touch()])
    table = write_table(tmp_path / "h.csv", ("loss", "adversarial_loss", "discriminator_loss"), [(3.0, 1.4, 1.3)] * 2)
    plot_history(table, tmp_path / "h.png")
    panels = [ax for figure in painted for ax in figure.axes if len(ax.get_lines()) > 1 and ax.get_title(loc="left")]
    (adversarial,) = [ax for ax in panels if ax.get_title(loc="left") == "Adversarial losses"]
    assert [text.get_text() for text in adversarial.get_legend().get_texts()] == ["generator", "discriminator"]
    assert len({line.get_color() for line in adversarial.get_lines()}) == 2


def test_history_panels_follow_the_columns(tmp_path):
    table = write_table(tmp_path / "history.csv", ("loss",), [(0.3,), (0.2,)])
    plot_history(table, tmp_path / "short.png")
    table = write_table(tmp_path / "history.csv", ("loss", "learning_rate"), [(0.3, 1e-4), (0.2, 1e-4)])
    plot_history(table, tmp_path / "long.png")
    assert imread(tmp_path / "long.png").shape[0] > imread(tmp_path / "short.png").shape[0]


@pytest.mark.parametrize(
    ("header", "rows", "message"), [(HISTORY, [], "no epoch"), (("acc",), [(1,)], "it has epoch, acc")]
)
def test_history_without_content(tmp_path, header, rows, message):
    with pytest.raises(ValueError, match=message):
        plot_history(write_table(tmp_path / "history.csv", header, rows), tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


@pytest.mark.parametrize("methods", [("bicubic",), ("bilinear", "bicubic", "dsen2", "vdsen2")])
def test_metrics(tmp_path, methods):
    table = metrics_table(tmp_path, methods, {"rmse": 35.6, "sre": 27.1, "ergas": 3.2, "sam": 1.4, "uiq": 0.9})
    plot_metrics(table, tmp_path / "metrics.png")
    assert_only_picture(tmp_path, "metrics.png", "metrics.csv")


@pytest.mark.filterwarnings("error")
def test_metrics_of_a_perfect_image(tmp_path):
    """SRE is infinite then; the figure says so instead of failing."""
    plot_metrics(metrics_table(tmp_path, ("dsen2",), {"rmse": 0.0, "sre": np.inf}), tmp_path / "metrics.png")
    assert_only_picture(tmp_path, "metrics.png", "metrics.csv")


def test_metrics_without_overall_values(tmp_path):
    with pytest.raises(ValueError, match="has no rmse, sre, ergas, sam of band all"):
        plot_metrics(metrics_table(tmp_path, ("dsen2",), {"uiq": 1.0}), tmp_path / "metrics.png")


def test_metrics_by_band(tmp_path, monkeypatch):
    """Only the bands, never the overall value; the mean over scenes."""
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


def test_metrics_asked_for(tmp_path):
    table = metrics_table(tmp_path, ("bicubic", "dsen2"), {"rmse": 35.6, "consistency": 2.1, "sharpness": 0.9})
    plot_metrics(table, tmp_path / "full_scale.png", ("consistency", "sharpness"))
    plot_metrics(table, tmp_path / "metrics.png")
    assert imread(tmp_path / "metrics.png").shape[1] < imread(tmp_path / "full_scale.png").shape[1]


@pytest.mark.parametrize(("bands", "scale_factor"), [(BANDS_20M, 2), (BANDS_60M, 6)])
def test_comparison(tmp_path, bands, scale_factor):
    truth, baseline, estimate, low_res = random_images(len(bands), scale_factor)
    estimates = {"bilinear": baseline, "bicubic": baseline, "a network with a name that goes on and on": estimate}
    plot_comparison(truth, estimates, tmp_path / "with.png", bands, low_res)
    assert_only_picture(tmp_path, "with.png")
    plot_comparison(truth, estimates, tmp_path / "without.png", bands)
    assert imread(tmp_path / "without.png").shape[1] < imread(tmp_path / "with.png").shape[1]


def test_error_maps_share_one_scale(tmp_path):
    """The map of a nearly perfect image is nearly black beside that of a poor one."""
    truth, baseline, estimate, low_res = random_images(6)
    plot_comparison(truth, {"bicubic": baseline, "dsen2": estimate}, tmp_path / "maps.png", BANDS_20M, low_res)
    pixels = assert_only_picture(tmp_path, "maps.png")
    rows, cols = pixels.shape[:2]
    poor, good = (pixels[3 * rows // 4, int(centre * cols)] for centre in (3 / 8, 5 / 8))
    assert good.max() < 0.1
    assert poor.max() > 0.3
