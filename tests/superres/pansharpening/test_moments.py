"""Regressions from moments: those of least squares on the pixels, and predictors that do not vary."""

import numpy as np

from superres.pansharpening.moments import Moments


def moments_of(values: np.ndarray, bands: int) -> Moments:
    return Moments(bands, values.mean(axis=0), np.cov(values.T, bias=True), np.zeros((4, *[values.shape[1]] * 2)))


def test_a_regression_is_that_of_the_pixels():
    rng = np.random.default_rng(0)
    values = rng.normal(1000, 200, (500, 5)) @ rng.uniform(0, 1, (5, 5))
    targets = rng.uniform(-1, 1, (5, 2))
    weights, offsets = moments_of(values, 2).regression(targets, slice(2, None))
    columns = np.concatenate([values[:, 2:], np.ones((500, 1))], axis=1)
    expected = np.linalg.lstsq(columns, values @ targets, rcond=None)[0]
    np.testing.assert_allclose(weights, expected[:-1], rtol=1e-3)
    np.testing.assert_allclose(offsets, expected[-1], rtol=1e-3)


def test_a_predictor_that_does_not_vary_has_no_weight():
    values = np.random.default_rng(0).normal(1000, 200, (50, 3))
    values[:, 1] = 7000
    weights, offsets = moments_of(values, 1).regression(np.eye(3)[:, :1], slice(1, 3))
    assert weights[0, 0] == 0
    assert np.isfinite(offsets).all()


def test_equal_predictors_share_a_weight():
    """So a scene whose bands are copies of one is sharpened too."""
    band = np.random.default_rng(0).normal(1000, 200, 50)
    weights, offsets = moments_of(np.stack([band] * 3, axis=1), 1).regression(np.eye(3)[:, :1], slice(1, 3))
    np.testing.assert_allclose(weights[:, 0], 0.5, rtol=1e-3)
    np.testing.assert_allclose(offsets, 0, atol=0.1)
