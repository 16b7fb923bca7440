"""Figures of an evaluated scene: one colour scale for all maps, bands by wavelength, scenes with few pixels."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from common.pixels.passbands import PASSBANDS
from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from common.scenes.scene import Scene
from superres.evaluation.error_statistics import ErrorStatistics
from superres.figures import evaluation as evaluation_plots
from superres.figures.evaluation import plot_error_by_reflectance, plot_error_maps, plot_spectra
from tests.support.pictures import assert_only_picture

NAME = "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301"
SCENE = Scene(NAME, Path(), "L1C", "T33UUB", "S2B", "02.05", "", {}, 10000.0, {})


def make_statistics(bands: int, errors: dict[str, float], holes: bool = False, size: int = 36) -> ErrorStatistics:
    rng = np.random.default_rng(0)
    truth = rng.uniform(300, 6000, (size, size, bands))
    valid = np.ones((size, size), bool)
    if holes:
        valid[:, :9] = False
    statistics = ErrorStatistics(truth, rng.uniform(300, 6000, (size, size, 4)), valid)
    for method, error in errors.items():
        statistics.add(method, truth, truth + rng.normal(0, error, truth.shape))
    return statistics


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that were drawn and not saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(evaluation_plots, "save_png", lambda figure, path: figures.append(figure))
    return figures


ERRORS = {"bilinear": 200.0, "bicubic": 150.0, "dsen2": 30.0}


def test_figures_are_saved(tmp_path):
    statistics = make_statistics(6, ERRORS, holes=True)
    for name, plot, arguments in (
        ("maps", plot_error_maps, (20, NAME)),
        ("spectra", plot_spectra, (BANDS_20M, SCENE)),
        ("reflectance", plot_error_by_reflectance, (BANDS_20M, NAME)),
    ):
        (tmp_path / name).mkdir()
        plot(statistics, tmp_path / name / "figure.png", *arguments)
        assert_only_picture(tmp_path / name, "figure.png")


@pytest.mark.parametrize("methods", [3, 6])
def test_error_maps_share_one_colour_scale(drawn, tmp_path, methods):
    statistics = make_statistics(2, {f"method {index}": 10.0 * 3**index for index in range(methods)}, holes=True)
    plot_error_maps(statistics, tmp_path / "maps.png", 60, NAME)
    images = [image for ax in drawn[0].axes for image in ax.get_images()]
    assert len(images) == methods
    assert len({image.get_clim() for image in images}) == 1
    for image, expected in zip(images, statistics.error_maps.values(), strict=True):
        np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), expected)
    assert "60 m per pixel; grey: no data" in drawn[0].get_suptitle()


@pytest.mark.parametrize("bands", [BANDS_20M, BANDS_60M])
def test_spectra_are_in_the_order_of_wavelengths(drawn, tmp_path, bands):
    """Bands that come in another order are sorted, with their values."""
    statistics = make_statistics(len(bands), ERRORS)
    plot_spectra(statistics, tmp_path / "spectra.png", bands[::-1], SCENE)
    truth = drawn[0].axes[0].get_lines()[0]
    assert list(truth.get_xdata()) == [f"{band}\n{PASSBANDS['S2B'][band].wavelength_nm:.0f}" for band in bands]
    shown = int(np.flatnonzero(statistics.class_counts >= evaluation_plots.FEWEST_PIXELS)[0])
    np.testing.assert_allclose(truth.get_ydata(), statistics.class_truth[shown, ::-1] / 10000)


def test_error_against_reflectance(drawn, tmp_path):
    statistics = make_statistics(2, ERRORS)
    plot_error_by_reflectance(statistics, tmp_path / "reflectance.png", BANDS_60M, NAME)
    line = drawn[0].axes[1].get_lines()[2]  # second band, third method
    np.testing.assert_allclose(line.get_xdata(), statistics.reflectance[:, 1] / 10000)
    np.testing.assert_allclose(line.get_ydata(), statistics.rmse["dsen2"][:, 1])


@pytest.mark.filterwarnings("error")
def test_scene_with_one_class_and_a_perfect_method(tmp_path):
    truth = np.full((12, 12, 2), 800.0)
    statistics = ErrorStatistics(truth, np.full((12, 12, 4), 1000.0), np.ones((12, 12), bool))
    statistics.add("perfect", truth, truth)
    plot_error_maps(statistics, tmp_path / "maps.png", 60, "patch")
    plot_spectra(statistics, tmp_path / "spectra.png", BANDS_60M, SCENE)
    plot_error_by_reflectance(statistics, tmp_path / "reflectance.png", BANDS_60M, "patch")
    assert len(list(tmp_path.iterdir())) == 3
