"""Errors of the brightest pixels against plain code."""

import numpy as np
import pytest

from common.errors import ProductError
from superres.evaluation.error_statistics import ErrorStatistics, reflectance_rows
from superres.studies.brightness import brightness_scores

BANDS = ("B05", "B06")


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, list]:
    """Truth, errors that grow with it, and rows of `reflectance.csv`."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(100, 1000, (100, 120, 2)) ** 2 / 200
    errors = rng.normal(0, 0.05, truth.shape) * truth
    statistics = ErrorStatistics(truth, rng.uniform(100, 1000, (100, 120, 4)), np.ones((100, 120), bool))
    statistics.add("net", truth, truth + errors)
    statistics.add("other", truth, truth)
    return truth, errors, reflectance_rows(statistics, "scene", BANDS)


def test_against_plain_code(scene) -> None:
    truth, errors, rows = scene
    scores = brightness_scores(rows, {"net": ("l1", 3)})
    assert {(score.label, score.seed, score.unit) for score in scores} == {("l1", 3, "scene")}
    bright = truth > np.quantile(truth, 0.99, axis=(0, 1))
    expected = {
        "rmse_brightest": np.sqrt((errors[bright] ** 2).mean()),
        "rmse_others": np.sqrt((errors[~bright] ** 2).mean()),
        "absolute_share": 100 * np.abs(errors[bright]).sum() / np.abs(errors).sum(),
        "square_share": 100 * (errors[bright] ** 2).sum() / (errors**2).sum(),
    }
    assert {score.metric: score.value for score in scores} == pytest.approx(expected, rel=1e-3)
    assert expected["square_share"] > expected["absolute_share"] > 1


def test_no_errors_have_no_share(scene) -> None:
    assert {score.value for score in brightness_scores(scene[2], {"other": ("l1", 0)})} == {0.0}


def test_a_scene_without_bright_pixels_is_one_line(scene) -> None:
    dark = [row for row in scene[2] if row.above < 0.99]
    with pytest.raises(ProductError, match="scene has no pixels that are brighter than 99 % of the others"):
        brightness_scores(dark, {"net": ("l1", 0)})
    one_band = [row for row in scene[2] if row.above < 0.99 or row.band == "B05"]
    only = brightness_scores([row for row in scene[2] if row.band == "B05"], {"net": ("l1", 0)})
    assert brightness_scores(one_band, {"net": ("l1", 0)}) == only
