"""Metrics: hand-worked cases, properties, and values computed independently on real-like data."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

import common.metrics.fusion
from common.metrics.fusion import (
    ergas,
    fusion_metrics,
    psnr,
    rmse,
    rmse_per_band,
    sam,
    sre,
    sre_per_band,
    ssim,
    ssim_per_band,
    uiq,
    uiq_per_band,
)

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def random_dn(seed: int, rows: int = 16, cols: int = 14, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 12000, (rows, cols, bands), dtype=np.uint16)


def pixels(*spectra: tuple[float, ...]) -> np.ndarray:
    """An image of one row."""
    return np.array([spectra], dtype=np.float64)


def test_rmse_by_hand():
    truth, estimate = pixels((3, 0), (5, 10)), pixels((0, 4), (5, 10))
    np.testing.assert_allclose(rmse_per_band(truth, estimate), [math.sqrt(9 / 2), math.sqrt(16 / 2)])
    assert rmse(truth, estimate) == pytest.approx(2.5)  # sqrt((9 + 16) / 4)


def test_uint16_does_not_wrap():
    low, high = np.full((1, 1, 1), 1, np.uint16), np.full((1, 1, 1), 65535, np.uint16)
    assert rmse(low, high) == rmse(high, low) == 65534


def test_sre_by_hand():
    truth = pixels((100, 10), (300, 30))
    estimate = truth + pixels((20, 2), (-20, -2))
    assert sre(truth, estimate) == pytest.approx(20.0)  # 10 log10(200^2 / 20^2), in both bands


def test_ergas_by_hand():
    truth = pixels((100, 10), (300, 30))
    estimate = truth + pixels((20, 1), (-20, -1))
    expected = 100 / 6 * math.sqrt((20**2 / 200**2 + 1**2 / 20**2) / 2)
    assert ergas(truth, estimate, 6) == pytest.approx(expected)
    assert ergas(truth, estimate, 2) == pytest.approx(3 * expected)


def test_sam_by_hand():
    truth = pixels((1, 0), (1, 0), (5, 5))
    estimate = pixels((0, 7), (3, 3), (1, 1))
    assert sam(truth, estimate) == pytest.approx((90 + 45 + 0) / 3)


def test_sam_of_dark_spectra():
    assert sam(pixels((0, 0)), pixels((0, 0))) == 0
    assert sam(pixels((0, 0)), pixels((4, 5))) == 90
    assert sam(pixels((4, 5)), pixels((0, 0))) == 90


def test_psnr_by_hand():
    truth = np.full((4, 4, 2), 500, np.uint16)
    assert psnr(truth, truth + 100) == pytest.approx(40.0)  # 20 log10(10000 / 100)


def test_uiq_by_hand():
    """One window: y = 2x + c leaves correlation 1, and lowers the contrast and luminance factors."""
    x = np.arange(64.0).reshape(8, 8, 1)
    y = 2 * x + 10
    mean_x, mean_y = 31.5, 73.0
    contrast, luminance = 2 * 2 / (1 + 4), 2 * mean_x * mean_y / (mean_x**2 + mean_y**2)
    assert uiq(x, y) == pytest.approx(contrast * luminance)


def test_uiq_of_constant_windows():
    flat = np.full((9, 9, 1), 0.1)
    assert uiq(flat, flat) == 1
    assert uiq(flat, 3 * flat) == pytest.approx(0.6)  # 2 * 3 / (1 + 9): the luminance factor alone
    assert uiq(0 * flat, 0 * flat) == 1
    assert uiq(flat, 0 * flat) == 0


def test_ssim_is_that_of_the_whole_image(monkeypatch):
    monkeypatch.setattr(common.metrics.fusion, "STRIP_PIXELS", 40)
    truth, estimate = random_dn(1, 23, 13), random_dn(2, 23, 13)
    settings_of_table = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(truth, estimate, data_range=10000, channel_axis=-1, **settings_of_table)
    assert ssim(truth, estimate) == pytest.approx(expected, rel=1e-9)


@few
@given(seeds, st.sampled_from([np.uint16, np.float32]))
def test_equal_images_are_perfect(seed, dtype):
    image = random_dn(seed).astype(dtype)
    values = {
        row.metric: row.value for row in fusion_metrics(image, image, ("B05", "B06", "B07"), 2) if row.band == "all"
    }
    perfect = {"rmse": 0, "sre": math.inf, "sam": 0, "ergas": 0, "uiq": 1, "psnr": math.inf, "ssim": 1}
    assert values == pytest.approx(perfect, abs=1e-9)


@few
@given(seeds, st.floats(0.2, 5))
def test_scale_of_both_images(seed, factor):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    pair = truth * factor, estimate * factor
    assert rmse(*pair) == pytest.approx(factor * rmse(truth, estimate))
    for metric in (sre, sam, uiq):
        assert metric(*pair) == pytest.approx(metric(truth, estimate)), metric.__name__
    assert ergas(*pair, 2) == pytest.approx(ergas(truth, estimate, 2))


@few
@given(seeds, st.floats(0.2, 5))
def test_sam_is_blind_to_brightness(seed, factor):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    assert sam(truth, estimate * factor) == pytest.approx(sam(truth, estimate))


@few
@given(seeds, st.integers(0, 4), st.integers(0, 3))
def test_mask_is_as_cropping(seed, rows, cols):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    mask = np.zeros(truth.shape[:2], bool)
    mask[rows:, cols:] = True
    masked = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    cropped = fusion_metrics(truth[rows:, cols:], estimate[rows:, cols:], ("a", "b", "c"), 2)
    assert [row[:2] for row in masked] == [row[:2] for row in cropped]
    np.testing.assert_allclose([row.value for row in masked], [row.value for row in cropped])


@few
@given(seeds, st.integers(1, 300))
def test_strips_do_not_matter(seed, strip_pixels):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    mask = np.random.default_rng(seed).random(truth.shape[:2]) > 0.001
    mask[3:, 3:] = True  # some window is always whole
    whole = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common.metrics.fusion, "STRIP_PIXELS", strip_pixels)
        strips = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    np.testing.assert_allclose([row.value for row in strips], [row.value for row in whole])


def test_masked_pixels_may_hold_anything():
    truth, estimate = random_dn(1).astype(np.float32), random_dn(2).astype(np.float32)
    mask = np.ones(truth.shape[:2], bool)
    mask[0, 0] = False
    expected = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    estimate[0, 0] = np.nan
    assert fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask) == expected


def test_rows_of_the_table():
    rows = fusion_metrics(random_dn(1), random_dn(2), ("B05", "B06", "B07"), 2)
    of_a_band = ["rmse", "sre", "uiq", "psnr", "ssim"]
    assert [row.metric for row in rows if row.band == "all"] == ["rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"]
    assert [row.metric for row in rows if row.band == "B06"] == of_a_band
    assert len(rows) == 7 + 3 * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimate": random_dn(1, 15)}, "one shape"),
        ({"bands": ("B05",)}, "one name for each of 3 bands"),
        ({"mask": np.ones((16, 14))}, "mask must be bool"),
        ({"mask": np.zeros((16, 14), bool)}, "no valid pixel"),
        ({"mask": np.eye(16, 14, dtype=bool)}, "wholly valid"),
        ({"truth": random_dn(1) * np.array([1, 0, 1], np.uint16)}, "is 0 in band 1"),
        ({"estimate": np.full((16, 14, 3), np.nan)}, "NaN or infinity"),
    ],
)
def test_bad_input(change, message):
    arguments = {"truth": random_dn(1), "estimate": random_dn(2), "bands": ("a", "b", "c"), "mask": None} | change
    with pytest.raises(ValueError, match=message):
        fusion_metrics(**arguments, scale_factor=2)


@pytest.mark.parametrize(("metric", "least"), [(uiq, 8), (ssim, 11)])
def test_windows_need_room(metric, least):
    assert metric(random_dn(1, least, least), random_dn(2, least, least)) < 1
    with pytest.raises(ValueError, match=f"windows of {least} x {least} px"):
        metric(random_dn(1, least, least - 1), random_dn(2, least, least - 1))


def test_golden_values(real_data):
    """Values computed independently of this code."""
    golden = real_data / "golden"
    expected = json.loads((golden / "metrics_expected.json").read_text())
    with np.load(golden / "metrics_input.npz") as arrays:
        truth, estimate = arrays["truth"], arrays["estimate"]
    ours = {
        "rmse": rmse(truth, estimate),
        "rmse_per_band": list(rmse_per_band(truth, estimate)),
        "sre_db": sre(truth, estimate),
        "sre_db_per_band": list(sre_per_band(truth, estimate)),
        "sam_deg": sam(truth, estimate),
        "ergas_factor2": ergas(truth, estimate, 2),
        "ergas_factor6": ergas(truth, estimate, 6),
        "uiq_8x8_stride1": uiq(truth, estimate),
        "psnr_db_peak10000": psnr(truth, estimate),
        "ssim_gaussian_peak10000": ssim(truth, estimate),
    }
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=1e-6), name
    assert uiq_per_band(truth, estimate).mean() == pytest.approx(ours["uiq_8x8_stride1"])
    assert ssim_per_band(truth, estimate).mean() == pytest.approx(ours["ssim_gaussian_peak10000"])
