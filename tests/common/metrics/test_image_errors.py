"""RMSE, SRE, PSNR, ERGAS and SAM: hand-worked cases and properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.metrics.image_errors import ergas, error_moments, psnr, rmse, sam, sre_per_band
from tests.support.image_pairs import random_dn, row_of_pixels

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def test_rmse_by_hand() -> None:
    truth, estimate = row_of_pixels((3, 0), (5, 10)), row_of_pixels((0, 4), (5, 10))
    np.testing.assert_allclose(error_moments(truth, estimate).mse, [9 / 2, 16 / 2])
    assert rmse(truth, estimate) == pytest.approx(2.5)  # sqrt((9 + 16) / 4)


def test_uint16_does_not_wrap() -> None:
    low, high = np.full((1, 1, 1), 1, np.uint16), np.full((1, 1, 1), 65535, np.uint16)
    assert rmse(low, high) == rmse(high, low) == 65534


def test_sre_by_hand() -> None:
    truth = row_of_pixels((100, 10), (300, 30))
    moments = error_moments(truth, truth + row_of_pixels((20, 2), (-20, -2)))
    np.testing.assert_allclose(sre_per_band(moments), [20, 20])  # 10 log10(200^2 / 20^2)


def test_ergas_by_hand() -> None:
    truth = row_of_pixels((100, 10), (300, 30))
    moments = error_moments(truth, truth + row_of_pixels((20, 1), (-20, -1)))
    expected = 100 / 6 * math.sqrt((20**2 / 200**2 + 1**2 / 20**2) / 2)
    assert ergas(moments, 6) == pytest.approx(expected)
    assert ergas(moments, 2) == pytest.approx(3 * expected)


def test_psnr_by_hand() -> None:
    np.testing.assert_allclose(psnr(np.array([100.0**2, 1e8, 0])), [40, 0, math.inf])  # 20 log10(10000 / RMSE)


def test_sam_by_hand() -> None:
    truth = row_of_pixels((1, 0), (1, 0), (5, 5))
    estimate = row_of_pixels((0, 7), (3, 3), (1, 1))
    assert sam(truth, estimate) == pytest.approx((90 + 45 + 0) / 3)


def test_sam_of_dark_spectra() -> None:
    assert sam(row_of_pixels((0, 0)), row_of_pixels((0, 0))) == 0
    assert sam(row_of_pixels((0, 0)), row_of_pixels((4, 5))) == 90
    assert sam(row_of_pixels((4, 5)), row_of_pixels((0, 0))) == 90


@pytest.mark.parametrize("metric", [sre_per_band, lambda moments: ergas(moments, 2)])
def test_a_band_of_mean_0_is_an_error(metric) -> None:
    with pytest.raises(ValueError, match="is 0 in band 1"):
        metric(error_moments(row_of_pixels((5, 0)), row_of_pixels((4, 1))))


@few
@given(seeds, st.floats(0.2, 5))
def test_a_factor_on_both_images_scales_rmse_alone(seed: int, factor: float) -> None:
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    moments, scaled = error_moments(truth, estimate), error_moments(truth * factor, estimate * factor)
    assert rmse(truth * factor, estimate * factor) == pytest.approx(factor * rmse(truth, estimate))
    np.testing.assert_allclose(sre_per_band(scaled), sre_per_band(moments))
    assert ergas(scaled, 2) == pytest.approx(ergas(moments, 2))
    assert sam(truth * factor, estimate * factor) == pytest.approx(sam(truth, estimate))


@few
@given(seeds, st.floats(0.2, 5))
def test_sam_ignores_brightness(seed: int, factor: float) -> None:
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    assert sam(truth, estimate * factor) == pytest.approx(sam(truth, estimate))
