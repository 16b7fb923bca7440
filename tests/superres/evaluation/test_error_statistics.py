"""Error statistics of a scene against plain code."""

import numpy as np
import pytest

from superres.evaluation import error_statistics, pixel_groups
from superres.evaluation.error_statistics import ErrorStatistics, reflectance_rows
from superres.evaluation.pixel_groups import BINS, CLASSES, classify, quantile_bins, quantile_edges


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    valid = np.ones((30, 40), bool)
    valid[:, 30:] = False
    return rng.uniform(100, 5000, (30, 40, 2)), rng.uniform(100, 5000, (30, 40, 4)), valid


def test_statistics_of_a_scene(scene):
    truth, input_10m, valid = scene
    labels = classify(input_10m, valid)
    estimate = (truth + np.random.default_rng(2).normal(5, 50, truth.shape)).astype(np.float32)
    estimate[~valid] = 1e9
    statistics = ErrorStatistics(truth, input_10m, valid)
    statistics.add("net", truth, estimate)
    error = estimate - truth
    for index in range(len(CLASSES)):
        here = labels == index + 1
        assert statistics.class_counts[index] == here.sum()
        np.testing.assert_allclose(statistics.class_truth[index], truth[here].mean(axis=0))
        np.testing.assert_allclose(statistics.class_means["net"][index], estimate[here].mean(axis=0), rtol=1e-5)
    for band in range(2):
        bins = quantile_bins(truth, quantile_edges(truth, valid), valid)[..., band]
        for index in range(BINS):
            here = bins == index + 1
            np.testing.assert_allclose(statistics.reflectance[index, band], truth[here, band].mean())
            np.testing.assert_allclose(statistics.rmse["net"][index, band], np.sqrt((error[here, band] ** 2).mean()))
            np.testing.assert_allclose(statistics.mae["net"][index, band], np.abs(error[here, band]).mean())
            np.testing.assert_allclose(statistics.bias["net"][index, band], error[here, band].mean(), atol=1e-3)
    assert statistics.step == 1
    np.testing.assert_allclose(statistics.error_maps["net"][valid], np.abs(error).mean(axis=2)[valid], rtol=1e-4)
    assert np.isnan(statistics.error_maps["net"][~valid]).all()


def test_large_scenes_have_small_maps(scene, monkeypatch):
    monkeypatch.setattr(error_statistics, "MAP_PX", 10)
    truth, input_10m, valid = scene
    statistics = ErrorStatistics(truth, input_10m, valid)
    statistics.add("net", truth, truth + 3)
    assert statistics.step == 4
    assert statistics.error_maps["net"].shape == (7, 10)
    np.testing.assert_allclose(statistics.error_maps["net"][:, :7], 3, rtol=1e-5)


def test_statistics_do_not_depend_on_strips(scene, monkeypatch):
    """Strips are whole blocks of the map; the last one may be lower than a block."""
    monkeypatch.setattr(error_statistics, "MAP_PX", 10)
    truth, input_10m, valid = scene
    found = []
    for pixels in (30 * 40, 5 * 40):
        monkeypatch.setattr(pixel_groups, "STRIP_PIXELS", pixels)
        statistics = ErrorStatistics(truth, input_10m, valid)
        statistics.add("net", truth, truth + np.random.default_rng(3).normal(5, 50, truth.shape))
        found.append(statistics)
    for name in ("class_counts", "class_truth", "reflectance"):
        np.testing.assert_allclose(*(getattr(statistics, name) for statistics in found))
    for name in ("class_means", "rmse", "mae", "bias", "error_maps"):
        np.testing.assert_allclose(*(getattr(statistics, name)["net"] for statistics in found))


def test_rows_by_reflectance(scene):
    """All methods, bands and bins; shares that add up to all pixels; no row for a bin without pixels."""
    truth, input_10m, valid = scene
    truth = truth.copy()
    truth[..., 1] = np.where(truth[..., 1] > 2500, 4000, 1000)
    statistics = ErrorStatistics(truth, input_10m, valid)
    for method_name, bias in (("low", -7), ("high", 5)):
        statistics.add(method_name, truth, truth + bias)
    rows = reflectance_rows(statistics, "s", ("B01", "B09"))
    assert {row.scene for row in rows} == {"s"}
    for method_name, bias in (("low", -7), ("high", 5)):
        first, second = ([row for row in rows if row[1:3] == (method_name, band)] for band in ("B01", "B09"))
        assert len(first) == BINS
        assert len(second) < BINS
        assert sum(row.below - row.above for row in first) == pytest.approx(1)
        assert [row.reflectance for row in first] == sorted(row.reflectance for row in first)
        assert {row.reflectance for row in second} == {1000.0, 4000.0}
        for row in first + second:
            assert (row.bias, row.rmse, row.mae) == pytest.approx((bias, abs(bias), abs(bias)))
