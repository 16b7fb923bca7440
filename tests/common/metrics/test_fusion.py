"""The table of metrics: properties, and values computed independently."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.metrics import image_pairs
from common.metrics.fusion import fusion_metrics
from common.metrics.hypercomplex import q2n
from common.metrics.shift import shift_per_band
from tests.support.image_pairs import random_dn

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


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
@given(seeds, st.integers(0, 4), st.integers(0, 3))
def test_a_mask_equals_cropping(seed, rows, cols):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    mask = np.zeros(truth.shape[:2], bool)
    mask[rows:, cols:] = True
    masked = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    cropped = fusion_metrics(truth[rows:, cols:], estimate[rows:, cols:], ("a", "b", "c"), 2)
    assert [row[:2] for row in masked] == [row[:2] for row in cropped]
    np.testing.assert_allclose([row.value for row in masked], [row.value for row in cropped])


@few
@given(seeds, st.integers(1, 300))
def test_the_height_of_strips_changes_nothing(seed, strip_pixels):
    truth, estimate = random_dn(seed), random_dn(seed + 1)
    mask = np.random.default_rng(seed).random(truth.shape[:2]) > 0.001
    mask[3:, 3:] = True  # some window is always whole
    whole = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_pairs, "STRIP_PIXELS", strip_pixels)
        strips = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    np.testing.assert_allclose([row.value for row in strips], [row.value for row in whole])


def test_masked_pixels_may_hold_anything():
    truth, estimate = random_dn(1).astype(np.float32), random_dn(2).astype(np.float32)
    mask = np.ones(truth.shape[:2], bool)
    mask[0, 0] = False
    expected = fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask)
    estimate[0, 0] = np.nan
    assert fusion_metrics(truth, estimate, ("a", "b", "c"), 2, mask) == expected


def test_rows_are_those_of_all_bands_then_of_each_band():
    rows = fusion_metrics(random_dn(1), random_dn(2), ("B05", "B06", "B07"), 2)
    of_a_band = ["rmse", "sre", "uiq", "psnr", "ssim"]
    assert [row.metric for row in rows if row.band == "all"] == ["rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"]
    assert [row.metric for row in rows if row.band == "B06"] == of_a_band
    assert len(rows) == 7 + 3 * 5


def test_images_of_a_whole_block_also_have_q2n_and_shift():
    truth, estimate = random_dn(1, 32, 33), random_dn(2, 32, 33)
    values = {row[:2]: row.value for row in fusion_metrics(truth, estimate, ("B05", "B06", "B07"), 2)}
    assert values["all", "q2n"] == q2n(truth, estimate)
    lengths = np.hypot(*shift_per_band(truth, estimate).T)
    assert [values[band, "shift"] for band in ("B05", "B06", "B07")] == lengths.tolist()
    assert values["all", "shift"] == lengths.mean() > 0


@pytest.mark.parametrize(("rows", "cols"), [(64, 31), (31, 64)])
def test_images_narrower_or_lower_than_a_block_have_neither(rows, cols):
    metrics = fusion_metrics(random_dn(1, rows, cols), random_dn(2, rows, cols), ("B05", "B06", "B07"), 2)
    assert {"rmse", "ssim"} < {row.metric for row in metrics}
    assert not {"q2n", "shift"} & {row.metric for row in metrics}


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
def test_bad_input_is_an_error(change, message):
    arguments = {"truth": random_dn(1), "estimate": random_dn(2), "bands": ("a", "b", "c"), "mask": None} | change
    with pytest.raises(ValueError, match=message):
        fusion_metrics(**arguments, scale_factor=2)


def test_values_equal_those_of_an_independent_computation(real_data):
    """Values computed independently of this code."""
    golden = real_data / "golden"
    expected = json.loads((golden / "metrics_expected.json").read_text())
    with np.load(golden / "metrics_input.npz") as arrays:
        truth, estimate = arrays["truth"], arrays["estimate"]
    bands = tuple("abcdef"[: truth.shape[-1]])
    ours = {(row.band, row.metric): row.value for row in fusion_metrics(truth, estimate, bands, 2)}
    ergas_6 = {(row.band, row.metric): row.value for row in fusion_metrics(truth, estimate, bands, 6)}["all", "ergas"]
    values = {
        "rmse": ours["all", "rmse"],
        "rmse_per_band": [ours[band, "rmse"] for band in bands],
        "sre_db": ours["all", "sre"],
        "sre_db_per_band": [ours[band, "sre"] for band in bands],
        "sam_deg": ours["all", "sam"],
        "ergas_factor2": ours["all", "ergas"],
        "ergas_factor6": ergas_6,
        "uiq_8x8_stride1": ours["all", "uiq"],
        "psnr_db_peak10000": ours["all", "psnr"],
        "ssim_gaussian_peak10000": ours["all", "ssim"],
    }
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, rel=1e-6), name
    for metric in ("uiq", "ssim"):
        assert np.mean([ours[band, metric] for band in bands]) == pytest.approx(ours["all", metric])
