"""Classes, bins and means of pixels against hand-worked cases."""

import numpy as np

from superres.evaluation import pixel_groups
from superres.evaluation.pixel_groups import CLASSES, block_means, classify, group_means, quantile_bins, quantile_edges


def test_classes():
    """Water reflects no infrared light, vegetation much; the brightest pixels are a separate class."""
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
    plane = np.random.default_rng(0).permutation(1000.0 * np.arange(1000)).reshape(25, 40, 1)
    valid = np.ones(plane.shape[:2], bool)
    counts = np.bincount(quantile_bins(plane, quantile_edges(plane, valid), valid).ravel())
    np.testing.assert_allclose(counts, [0, 10, 90, *[100] * 8, 90, 10], atol=1)
    valid[:5] = False
    bins = quantile_bins(plane, quantile_edges(plane, valid), valid)
    assert (bins[:5] == 0).all()
    assert (bins[5:] > 0).all()


def test_group_means(monkeypatch):
    monkeypatch.setattr(pixel_groups, "STRIP_PIXELS", 4)
    plane = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [100, 100, 100, 100]], np.float32)
    groups = np.array([[1, 1, 2, 2], [1, 4, 4, 2], [0, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(group_means(plane, groups, 4), [8 / 3, 5, np.nan, 6.5])


def test_block_means_leave_out_pixels_that_do_not_count():
    plane = np.arange(1.0, 26).reshape(5, 5)
    valid = np.ones((5, 5), bool)
    valid[0, 0] = False
    valid[2:4, 2:4] = False
    np.testing.assert_array_equal(block_means(plane, valid, 2), [[5, 6], [14, np.nan]])
