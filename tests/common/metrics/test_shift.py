"""The shift of an estimate: known shifts are found, also of blurred and noisy images."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from common.metrics import blocks
from common.metrics.shift import shift_per_band


def texture(shift: tuple[float, float], side: int = 160) -> np.ndarray:
    """A texture of 2 bands, shifted down and to the right, (side, side, 2); exact, because its spectrum is shifted."""
    noise = np.random.default_rng(5).normal(0, 1, (2, 2 * side, 2 * side))
    bands = [np.fft.ifft2(fourier_shift(np.fft.fft2(gaussian_filter(band, 1.2)), shift)).real for band in noise]
    return 3000 + 900 * np.stack(bands, axis=-1)[side // 2 :, side // 2 :][:side, :side]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.7), (-1.5, 0.25), (2.0, 2.0)])
def test_a_known_shift_is_found(shift, monkeypatch):
    monkeypatch.setattr(blocks, "STRIP_PIXELS", 1)
    np.testing.assert_allclose(shift_per_band(texture((0, 0)), texture(shift)), [shift, shift], atol=0.08)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.2)])
def test_blur_noise_and_contrast_do_not_move_an_image(shift):
    noise = np.random.default_rng(6).normal(0, 30, (160, 160, 2))
    estimate = 0.5 * gaussian_filter(texture(shift), (0.8, 0.8, 0)) + 700 + noise
    np.testing.assert_allclose(shift_per_band(texture((0, 0)), estimate), [shift, shift], atol=0.1)


def test_a_smooth_estimate_has_the_shift_of_the_frequencies_it_holds():
    """Where it holds nothing but noise, the phase is random, and plain phase correlation finds a peak anywhere."""
    noise = np.random.default_rng(7).normal(0, 5, (160, 160, 2))
    estimate = gaussian_filter(texture((0.4, -0.2)), (2.5, 2.5, 0)) + noise
    np.testing.assert_allclose(shift_per_band(texture((0, 0)), estimate), [(0.4, -0.2)] * 2, atol=0.2)


def test_each_band_has_its_shift():
    estimate = np.concatenate([texture((0.5, 0))[..., :1], texture((0, 0))[..., 1:]], axis=-1)
    np.testing.assert_allclose(shift_per_band(texture((0, 0)), estimate), [[0.5, 0], [0, 0]], atol=0.05)


def test_a_constant_band_has_no_shift_and_without_a_block_there_is_none():
    flat = np.full((32, 32, 2), 500.0)
    np.testing.assert_array_equal(shift_per_band(flat, texture((0, 0), 32)), 0)
    mask = np.ones((32, 32), bool)
    mask[9, 9] = False
    assert shift_per_band(flat, flat, mask) is None


def test_a_value_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="NaN or infinity"):
        shift_per_band(texture((0, 0), 32), texture((0, 0), 32) * np.inf)
