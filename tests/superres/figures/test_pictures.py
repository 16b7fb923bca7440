"""Pictures of a scene: the input, one scale of errors, pixels that do not count."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from superres.evaluation.reduced_scale import SceneResult
from superres.figures import pictures
from superres.figures.pictures import plot_comparison, plot_test_scene
from superres.figures.style import NO_DATA_GREY
from tests.support.pictures import assert_only_picture


def random_images(bands: int, scale_factor: int = 2) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 5000, (24, 24, bands), dtype=np.uint16)
    low_res = truth[::scale_factor, ::scale_factor]
    return truth, truth[::-1], truth + 7, low_res


@pytest.mark.parametrize(("bands", "scale_factor"), [(BANDS_20M, 2), (BANDS_60M, 6)])
def test_pictures_with_and_without_the_input(tmp_path, bands, scale_factor):
    truth, baseline, estimate, low_res = random_images(len(bands), scale_factor)
    estimates = {"bilinear": baseline, "bicubic": baseline, "a network with a name that goes on and on": estimate}
    plot_comparison(truth, estimates, tmp_path / "with.png", bands, low_res)
    assert_only_picture(tmp_path, "with.png")
    plot_comparison(truth, estimates, tmp_path / "without.png", bands)
    assert imread(tmp_path / "without.png").shape[1] < imread(tmp_path / "with.png").shape[1]


def test_error_maps_share_one_colour_scale(tmp_path):
    """Beside the map of a poor image, the map of a nearly perfect one is nearly black."""
    truth, baseline, estimate, low_res = random_images(6)
    plot_comparison(truth, {"bicubic": baseline, "dsen2": estimate}, tmp_path / "maps.png", BANDS_20M, low_res)
    pixels = assert_only_picture(tmp_path, "maps.png")
    rows, cols = pixels.shape[:2]
    poor, good = (pixels[3 * rows // 4, int(centre * cols)] for centre in (3 / 8, 5 / 8))
    assert good.max() < 0.1
    assert poor.max() > 0.3


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that were drawn and not saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(pictures, "save_png", lambda figure, path: figures.append(figure))
    return figures


def test_pixels_that_do_not_count_are_grey_and_in_no_rmse(drawn, tmp_path):
    truth = np.full((12, 12, 6), 1000, np.float32)
    truth[::2] = 3000
    estimate = truth + 5
    truth[:, :4] = estimate[:, :4] = np.nan
    plot_comparison(truth, {"dsen2": estimate}, tmp_path / "figure.png", BANDS_20M)
    (figure,) = drawn
    above, below = figure.axes[:2], figure.axes[2:4]
    shown = above[1].get_images()[0].get_array()
    assert (shown[:, :4] == NO_DATA_GREY).all()
    assert {*np.unique(shown[:, 4:])} == {0, 1}
    assert below[0].get_title() == "RMSE 5.0 DN"


def test_a_picture_without_data(drawn, tmp_path):
    truth = np.full((12, 12, 2), np.nan, np.float32)
    plot_comparison(truth, {"dsen2": truth}, tmp_path / "figure.png", BANDS_60M)
    assert drawn[0].axes[2].get_title() == "no data"


def test_a_test_scene_shows_bicubic_interpolation_and_one_method(drawn, tmp_path):
    truth, *images, low_res = random_images(2, scale_factor=6)
    estimates = dict(zip(("bilinear", "bicubic", "gan"), (images[0], *images), strict=True))
    result = SceneResult([], truth, low_res, estimates, None)
    plot_test_scene(result, "gan", PatchSettings(60, 1), tmp_path / "figure.png")
    titles = [ax.get_title() for ax in drawn[0].axes[:4]]
    assert titles == ["input, 360 m", "bicubic", "gan", "truth, 60 m"]


def test_many_pictures_are_in_rows_of_like_length_with_the_errors_below_each(drawn, tmp_path):
    truth, _, estimate, low_res = random_images(6)
    estimates = {f"method {number}": estimate for number in range(7)}
    plot_comparison(truth, estimates, tmp_path / "figure.png", BANDS_20M, low_res)
    titles = [ax.get_title() for ax in drawn[0].axes[:20]]
    assert titles[:5] == ["input", *(f"method {number}" for number in range(4))]
    assert titles[10:15] == ["method 4", "method 5", "method 6", "truth", ""]
    assert [title.startswith("RMSE") for title in titles] == [
        *[False] * 6,
        *[True] * 4,
        *[False] * 5,
        *[True] * 3,
        *[False] * 2,
    ]
