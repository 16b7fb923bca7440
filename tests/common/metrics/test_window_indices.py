"""UIQ and SSIM: hand-worked cases, properties, and scikit-image's values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from common.metrics import image_pairs
from common.metrics.window_indices import ssim_per_band, uiq_per_band
from tests.support.image_pairs import random_dn


def test_uiq_by_hand() -> None:
    """One window: y = 2x + c has correlation 1, and lower contrast and luminance factors."""
    x = np.arange(64.0).reshape(8, 8, 1)
    y = 2 * x + 10
    mean_x, mean_y = 31.5, 73.0
    contrast, luminance = 2 * 2 / (1 + 4), 2 * mean_x * mean_y / (mean_x**2 + mean_y**2)
    assert uiq_per_band(x, y) == pytest.approx(contrast * luminance)


def test_uiq_of_constant_windows() -> None:
    flat = np.full((9, 9, 1), 0.1)
    assert uiq_per_band(flat, flat) == 1
    assert uiq_per_band(flat, 3 * flat) == pytest.approx(0.6)  # 2 * 3 / (1 + 9): the luminance factor alone
    assert uiq_per_band(0 * flat, 0 * flat) == 1
    assert uiq_per_band(flat, 0 * flat) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5))
def test_a_factor_on_both_images_does_not_change_uiq(seed: int, factor: float) -> None:
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    np.testing.assert_allclose(uiq_per_band(truth * factor, estimate * factor), uiq_per_band(truth, estimate))


def test_ssim_equals_that_of_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pairs, "STRIP_PIXELS", 40)
    truth, estimate = random_dn(1, 23, 13), random_dn(2, 23, 13)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(truth, estimate, data_range=10000, channel_axis=-1, **options)
    assert ssim_per_band(truth, estimate).mean() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("index", "window"), [(uiq_per_band, 8), (ssim_per_band, 11)])
def test_an_image_must_hold_one_window(index, window: int) -> None:
    assert (index(random_dn(1, window, window), random_dn(2, window, window)) < 1).all()
    with pytest.raises(ValueError, match=f"windows of {window} x {window} px need a larger image"):
        index(random_dn(1, window, window - 1), random_dn(2, window, window - 1))


@pytest.mark.parametrize(("index", "window"), [(uiq_per_band, 8), (ssim_per_band, 11)])
def test_windows_that_touch_an_invalid_pixel_do_not_count(index, window: int) -> None:
    """The first window is whole; each other one touches an invalid pixel."""
    truth, estimate = random_dn(1, window, 3 * window), random_dn(2, window, 3 * window)
    mask = np.ones(truth.shape[:2], bool)
    mask[0, [window, 2 * window, 3 * window - 1]] = False
    expected = index(truth[:, :window], estimate[:, :window])
    np.testing.assert_allclose(index(truth, estimate, mask), expected)
