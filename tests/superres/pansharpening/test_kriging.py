"""Area-to-point kriging: covariances by direct sums, the deconvolved variogram, unbiased and coherent weights."""

import numpy as np
import pytest

from common.pixels.degrade import degrade, point_spread
from superres.pansharpening.kriging import NEIGHBOURS, RANGES, fit_range, krige, kriging_weights, mean_covariance

BLURS = pytest.mark.parametrize("scale_factor, sigma", [(2, 0.5), (2, 1.0), (6, 1 / 6), (6, 2.9)])


def overlap_of(scale_factor: int, sigma: float) -> np.ndarray:
    spread = point_spread(sigma, scale_factor).astype(np.float64)
    return np.correlate(spread, spread, mode="full")


@pytest.mark.parametrize("scale_factor, sigma", [(2, 0.5), (6, 1 / 6)])
def test_covariance_of_areas_is_the_mean_over_pairs_of_their_points(scale_factor, sigma):
    weights = point_spread(sigma, scale_factor).astype(np.float64)
    square = np.outer(weights, weights).ravel()
    rows, cols = (axis.ravel() for axis in np.indices((len(weights),) * 2))
    for distance in ((0, 0), (scale_factor, 0), (scale_factor, 2 * scale_factor)):
        height, width = (
            np.subtract.outer(axis, axis) + step for axis, step in zip((rows, cols), distance, strict=True)
        )
        expected = square @ np.exp(-np.hypot(height, width) / 3) @ square
        steps = [np.array([step]) for step in distance]
        assert mean_covariance(*steps, overlap_of(scale_factor, sigma), 3.0)[0] == pytest.approx(expected)


@BLURS
@pytest.mark.parametrize("index", [8, 20, 30])
def test_the_range_of_fine_pixels_is_found(scale_factor, sigma, index):
    """From the semivariances of coarse pixels, in any unit."""
    overlap = overlap_of(scale_factor, sigma)
    lags = scale_factor * np.arange(5)
    covariance = mean_covariance(lags, 0 * lags, overlap, RANGES[index] * scale_factor)
    found = fit_range(700 * (covariance[0] - covariance[1:]), overlap, scale_factor)
    assert found == pytest.approx(RANGES[index] * scale_factor)


def test_an_image_without_variation_has_some_range():
    assert fit_range(np.zeros(4), overlap_of(2, 0.5), 2) > 0


@BLURS
def test_weights_have_the_sum_one_and_no_direction(scale_factor, sigma):
    weights = kriging_weights(np.array([1, 1.5, 1.8, 2]), scale_factor, sigma)
    assert weights.shape == (scale_factor, scale_factor, NEIGHBOURS, NEIGHBOURS)
    np.testing.assert_allclose(weights.sum(axis=(2, 3)), 1)
    np.testing.assert_allclose(weights, weights[::-1, :, ::-1], atol=1e-9)
    np.testing.assert_allclose(weights, weights.transpose(1, 0, 3, 2), atol=1e-9)


@BLURS
def test_degrading_gives_the_coarse_image_back(scale_factor, sigma):
    """Exactly without blur, as kriging of areas promises; nearly with blur, because neighbouring pixels overlap."""
    coarse = np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32)
    coarse = (coarse + np.roll(coarse, 1, 0) + np.roll(coarse, 1, 1)).astype(np.float32)
    weights = kriging_weights(np.array([1, 1.5, 1.8, 2]), scale_factor, sigma)
    fine = krige(coarse, weights)
    assert fine.shape == (12 * scale_factor, 12 * scale_factor)
    inner = (slice(2, -2), slice(2, -2))
    again = degrade(fine[..., None], scale_factor, (sigma,))[..., 0]
    missed = (again - coarse)[inner].std() / coarse.std()
    assert missed < (0.02 if sigma < 0.4 * scale_factor else 0.12)
