"""Error statistics against hand-worked cases."""

import numpy as np
import pytest

from superres.evaluation import error_statistics
from superres.evaluation.error_statistics import (
    BINS,
    CLASSES,
    ErrorStatistics,
    block_means,
    classify,
    group_means,
    quantile_bins,
)


def test_classes():
    """Water reflects no infrared, vegetation much; the brightest are a class of their own."""
    pixels = {"water": (500, 400, 300, 100), "vegetation": (300, 500, 300, 4000), "other": (900, 1000, 1100, 1500)}
    image = np.empty((10, 10, 4))
    image[:4], image[4:7], image[7:] = pixels["water"], pixels["vegetation"], pixels["other"]
    image[0, 0] = (9000, 9000, 9000, 30000)  # an NDVI of vegetation, too
    valid = np.ones((10, 10), bool)
    valid[9] = False
    labels = classify(image, valid)
    expected = np.repeat([1 + CLASSES.index(name) for name in ("water", "vegetation", "other")], (40, 30, 30))
    expected[0] = 1 + CLASSES.index("bright")
    expected[90:] = 0
    np.testing.assert_array_equal(labels.ravel(), expected)


def test_bins_hold_tenths_and_extremes():
    plane = np.random.default_rng(0).permutation(1000.0 * np.arange(1000)).reshape(25, 40)
    valid = np.ones(plane.shape, bool)
    counts = np.bincount(quantile_bins(plane, valid).ravel())
    np.testing.assert_allclose(counts, [0, 10, 90, *[100] * 8, 90, 10], atol=1)
    valid[:5] = False
    bins = quantile_bins(plane, valid)
    assert (bins[:5] == 0).all()
    assert (bins[5:] > 0).all()


def test_group_means(monkeypatch):
    monkeypatch.setattr(error_statistics, "STRIP_PIXELS", 4)
    plane = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [100, 100, 100, 100]], np.float32)
    groups = np.array([[1, 1, 2, 2], [1, 4, 4, 2], [0, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(group_means(plane, groups, 4), [8 / 3, 5, np.nan, 6.5])


def test_block_means_without_what_does_not_count():
    plane = np.arange(1.0, 26).reshape(5, 5)
    valid = np.ones((5, 5), bool)
    valid[0, 0] = False
    valid[2:4, 2:4] = False
    np.testing.assert_array_equal(block_means(plane, valid, 2), [[5, 6], [14, np.nan]])


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
    found = ErrorStatistics(truth, input_10m, valid)
    found.add("net", estimate)
    error = estimate - truth
    for number in range(len(CLASSES)):
        here = labels == number + 1
        assert found.class_counts[number] == here.sum()
        np.testing.assert_allclose(found.class_truth[number], truth[here].mean(axis=0))
        np.testing.assert_allclose(found.class_means["net"][number], estimate[here].mean(axis=0), rtol=1e-5)
    for band in range(2):
        bins = quantile_bins(truth[..., band], valid)
        for number in range(BINS):
            here = bins == number + 1
            np.testing.assert_allclose(found.reflectance[number, band], truth[here, band].mean())
            np.testing.assert_allclose(found.rmse["net"][number, band], np.sqrt((error[here, band] ** 2).mean()))
            np.testing.assert_allclose(found.bias["net"][number, band], error[here, band].mean(), atol=1e-3)
    assert found.step == 1
    np.testing.assert_allclose(found.error_maps["net"][valid], np.abs(error).mean(axis=2)[valid], rtol=1e-4)
    assert np.isnan(found.error_maps["net"][~valid]).all()


def test_large_scenes_have_small_maps(scene, monkeypatch):
    monkeypatch.setattr(error_statistics, "MAP_PX", 10)
    truth, input_10m, valid = scene
    found = ErrorStatistics(truth, input_10m, valid)
    found.add("net", truth + 3)
    assert found.step == 4
    assert found.error_maps["net"].shape == (7, 10)
    np.testing.assert_allclose(found.error_maps["net"][:, :7], 3, rtol=1e-5)
