"""Degradation agrees with SciPy's Gaussian and a plain block mean, at borders, in strips, and for masks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, gaussian_filter

import common.pixels.degrade
from common.pixels.degrade import (
    blur_reach,
    degrade,
    degrade_mask,
    degrade_to_dn,
    gaussian_blur_sigmas,
    mtf_matched_sigmas,
    repeat_pixels,
)
from common.pixels.sentinel2 import BANDS
from tests.support.block_means import block_mean

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)
factors = st.sampled_from([1, 2, 3, 6])


def random_dn(seed: int, rows: int, cols: int, bands: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 12000, (rows, cols, bands), dtype=np.uint16)


@few
@given(seeds, factors, st.integers(1, 5), st.integers(1, 5))
def test_without_blur_degrade_is_the_block_mean(seed, scale_factor, rows, cols):
    image = random_dn(seed, rows * scale_factor, cols * scale_factor)
    coarse = degrade(image, scale_factor, (0.0, 0.0))
    assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse, block_mean(image, scale_factor), rtol=1e-6)
    np.testing.assert_allclose(coarse.mean(axis=(0, 1)), image.mean(axis=(0, 1)), rtol=1e-6)


@few
@given(seeds, factors, st.floats(0, 3), st.integers(1, 8), st.integers(1, 8))
def test_degrade_is_scipys_blur_and_block_mean(seed, scale_factor, sigma, rows, cols):
    """The blur may reach further than the image is wide."""
    image = random_dn(seed, rows * scale_factor, cols * scale_factor, 1)
    blurred = gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode="reflect", truncate=4.0)
    np.testing.assert_allclose(degrade(image, scale_factor, (sigma,)), block_mean(blurred, scale_factor), rtol=2e-6)


def test_each_band_has_its_sigma():
    image = random_dn(1, 12, 12)
    both = degrade(image, 2, (0.5, 0.9))
    np.testing.assert_array_equal(both[..., :1], degrade(image[..., :1], 2, (0.5,)))
    np.testing.assert_array_equal(both[..., 1:], degrade(image[..., 1:], 2, (0.9,)))


@few
@given(seeds, st.sampled_from([1, 2, 6]), st.floats(0, 3), st.integers(1, 3000))
def test_result_does_not_depend_on_the_height_of_strips(seed, scale_factor, sigma, strip_bytes):
    image = random_dn(seed, 8 * scale_factor, 5 * scale_factor)
    valid = image[..., 0] > 600
    whole = degrade(image, scale_factor, (sigma, sigma)), degrade_mask(valid, scale_factor, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common.pixels.degrade, "STRIP_BYTES", strip_bytes)
        strips = degrade(image, scale_factor, (sigma, sigma)), degrade_mask(valid, scale_factor, 2)
    np.testing.assert_array_equal(strips[0], whole[0])
    np.testing.assert_array_equal(strips[1], whole[1])


@few
@given(st.integers(1, 65535), factors, st.floats(0, 3))
def test_constant_image_keeps_its_value(value, scale_factor, sigma):
    image = np.full((4 * scale_factor, 3 * scale_factor, 1), value, np.uint16)
    np.testing.assert_allclose(degrade(image, scale_factor, (sigma,)), value, rtol=1e-6)
    dn = degrade_to_dn(image, scale_factor, (sigma,))
    assert dn.dtype == np.uint16
    assert (dn == value).all()


@few
@given(seeds, st.sampled_from([2, 6]))
def test_blur_keeps_the_mean(seed, scale_factor):
    image = random_dn(seed, 4 * scale_factor, 4 * scale_factor, 1)
    assert degrade(image, scale_factor, (1.0 / scale_factor,)).mean() == pytest.approx(image.mean(), rel=1e-5)


def test_dn_are_rounded_and_clipped():
    image = np.array([[10, 11, -500, -500], [11, 11, 9e9, 9e9]], np.float32)[..., np.newaxis]
    np.testing.assert_array_equal(degrade_to_dn(image, 2, (0.0,))[0, :, 0], [11, 65535])
    np.testing.assert_array_equal(degrade_to_dn(-image, 2, (0.0,))[0, :, 0], [0, 0])


@few
@given(seeds, st.sampled_from([1, 2, 6]), st.integers(0, 9), st.integers(1, 6), st.integers(1, 6))
def test_mask_is_false_where_an_invalid_pixel_enters(seed, scale_factor, reach, rows, cols):
    valid = np.random.default_rng(seed).random((rows * scale_factor, cols * scale_factor)) > 0.02
    reached = binary_dilation(~valid, np.ones((2 * reach + 1, 2 * reach + 1)))
    blocks = reached.reshape(rows, scale_factor, cols, scale_factor)
    np.testing.assert_array_equal(degrade_mask(valid, scale_factor, reach), ~blocks.any(axis=(1, 3)))


@pytest.mark.parametrize(("scale_factor", "sigma"), [(2, 0.5), (6, 1 / 6), (6, 2.9)])
def test_blur_reach_is_how_far_a_pixel_reaches(scale_factor, sigma):
    """One bright pixel changes exactly the blocks that the mask marks as invalid."""
    image = np.zeros((10 * scale_factor, 10 * scale_factor, 1), np.float32)
    image[4 * scale_factor, 5 * scale_factor] = 1
    changed = degrade(image, scale_factor, (sigma,))[..., 0] > 0
    np.testing.assert_array_equal(changed, ~degrade_mask(image[..., 0] == 0, scale_factor, blur_reach(sigma)))


@few
@given(seeds, factors, st.integers(1, 6), st.integers(1, 6))
def test_repeat_pixels_fills_the_blocks_of_a_finer_grid(seed, factor, rows, cols):
    mask = np.random.default_rng(seed).random((rows, cols)) > 0.5
    fine = repeat_pixels(mask, factor)
    assert fine.shape == (rows * factor, cols * factor)
    np.testing.assert_array_equal(fine, np.kron(mask, np.ones((factor, factor))) > 0)


@pytest.mark.parametrize(("bands", "scale_factor"), [(("B05", "B11", "B02"), 2), (("B01", "B09"), 6)])
def test_the_matched_blur_has_the_mtf_of_the_band_at_the_nyquist_frequency(bands, scale_factor):
    """A cosine of that frequency, with its crests on coarse pixels, keeps MTF times its amplitude; far from the edges."""
    fine = (np.arange(240) + 0.5) / scale_factor - 0.5  # in coarse pixels
    wave = np.repeat(np.cos(np.pi * fine)[None, :, None], 240, axis=0).repeat(len(bands), axis=2)
    coarse = degrade(wave, scale_factor, mtf_matched_sigmas(bands, scale_factor))
    middle = coarse[len(coarse) // 2, len(coarse) // 2]
    np.testing.assert_allclose(np.abs(middle), [BANDS[band].mtf_nyquist for band in bands], atol=4e-3)


def test_sigmas_of_both_kinds_of_blur():
    assert gaussian_blur_sigmas(("B05", "B11"), 2) == (0.5, 0.5)
    assert gaussian_blur_sigmas(("B01", "B09"), 6) == pytest.approx((1 / 6, 1 / 6))
    expected = 6 * math.sqrt(-2 * math.log(0.32) / math.pi**2), 6 * math.sqrt(-2 * math.log(0.26) / math.pi**2)
    assert gaussian_blur_sigmas(("B01", "B09"), 6, "mtf") == pytest.approx(expected)


def test_bad_input():
    image = random_dn(1, 12, 9)
    with pytest.raises(ValueError, match="divide rows and cols; got 2 for 12 x 9 px"):
        degrade(image, 2, (0.5, 0.5))
    with pytest.raises(ValueError, match="at least 1"):
        degrade(image, 0, (0.5, 0.5))
    with pytest.raises(ValueError, match="each of 2 bands; got 1"):
        degrade(image, 3, (0.5,))
    with pytest.raises(ValueError, match="12 x 9 px"):
        degrade_mask(image[..., 0] > 0, 2, 1)
    with pytest.raises(ValueError, match="'gaussian' or 'mtf'; got 'box'"):
        gaussian_blur_sigmas(("B05",), 2, "box")
    with pytest.raises(ValueError, match="B10 has none"):
        gaussian_blur_sigmas(("B10",), 6, "mtf")
