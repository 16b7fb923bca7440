"""Improvement, omission and hallucination: against their formulas pixel by pixel, and the corners of the triangle."""

import math

import numpy as np
import pytest

from common.metrics import image_pairs
from common.metrics.correctness import NAMES, Correctness, normalised_difference, pixel_shares
from tests.support.image_pairs import random_dn

VALID = np.ones((16, 14), bool)


def shares(truth, estimate, upsampled, valid=VALID) -> dict[str, float]:
    return Correctness(truth, lambda rows: upsampled[rows], valid).measure(estimate)


def images(*seeds: int) -> list[np.ndarray]:
    return [random_dn(seed).astype(np.float32) for seed in seeds]


def by_definition(
    truth: np.ndarray, estimate: np.ndarray, upsampled: np.ndarray, valid: np.ndarray
) -> dict[str, float]:
    def difference(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([abs(a - b) / (a + b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]))

    pixels = [
        (
            difference(upsampled[at], truth[at]),
            difference(estimate[at], truth[at]),
            difference(estimate[at], upsampled[at]),
        )
        for at in zip(*np.nonzero(valid), strict=True)
    ]
    threshold = sorted(pixel[0] for pixel in pixels)[int(0.75 * len(pixels)) - 1]
    totals, count = np.zeros(3), 0
    for reference, to_truth, to_input in pixels:
        if max(reference, to_truth, to_input) <= threshold:
            continue
        d_im, d_om = to_truth / reference, to_input / reference
        excess = 1 - math.exp(-0.05 * (d_im + d_om - 1))
        distances = (d_im + d_om * excess, d_om + d_im * excess, math.exp(-0.05 * d_im * d_om))
        weights = np.array([math.exp(-distance / 0.25) for distance in distances])
        totals, count = totals + weights / weights.sum(), count + 1
    return dict(zip(NAMES, totals / count, strict=True))


def test_the_shares_are_their_formulas(monkeypatch):
    monkeypatch.setattr(image_pairs, "STRIP_PIXELS", 40)
    truth, noise = images(1, 2)
    upsampled = 0.9 * truth + 0.1 * noise
    estimate = 0.5 * truth + 0.4 * upsampled + 0.1 * np.float32(3000)
    valid = np.random.default_rng(0).random(VALID.shape) > 0.2
    assert shares(truth, np.where(valid[..., None], estimate, np.nan), upsampled, valid) == pytest.approx(
        by_definition(truth, estimate, upsampled, valid), rel=1e-4
    )


def test_the_shares_are_those_of_opensr_test():
    """Computed by opensr-test 1.3.3 (`get_distances` with `nd` by pixel, `_create_mask` with `auto`, and the `tc_` functions)."""
    truth, noise = images(1, 2)
    upsampled = 0.9 * truth + 0.1 * noise
    estimate = 0.5 * truth + 0.4 * upsampled + 0.1 * np.float32(3000)
    values = shares(truth, estimate, upsampled)
    assert list(values.values()) == pytest.approx([0.09992043, 0.82200140, 0.07807817], abs=1e-6)


def test_the_corners():
    """The truth is improvement, the input omission, and what is like neither of them hallucination."""
    truth, noise = images(1, 2)
    upsampled = truth + 0.05 * (noise - truth)
    corner = 1 / (1 + 2 * math.exp(-4))  # distances 0, 1 and 1 at temperature 0.25
    assert shares(truth, truth, upsampled)["improvement"] == pytest.approx(corner)
    assert shares(truth, upsampled, upsampled)["omission"] == pytest.approx(corner)
    assert shares(truth, noise, upsampled)["hallucination"] > 0.9


def test_shares_add_up_to_one():
    values = shares(*images(1, 2, 3))
    assert tuple(values) == NAMES
    assert sum(values.values()) == pytest.approx(1)


def test_changes_where_input_and_truth_are_equal_are_hallucination():
    np.testing.assert_array_equal(pixel_shares(*np.float32([[0], [0.2], [0.2]])), [[0, 0, 1]])


def test_a_scene_in_which_nothing_differs_has_no_shares():
    (truth,) = images(1)
    assert shares(truth, truth, truth) == dict.fromkeys(NAMES, 0.0)


def test_normalised_difference_by_hand():
    """It stays within 0 to 1 for reflectances below 0, which products with an offset hold."""
    x, y = np.float32([[100, 0, -50, 10]]), np.float32([[300, 0, 50, -9]])
    assert normalised_difference(x, y) == pytest.approx((0.5 + 0 + 1 + 1) / 4)


def test_a_value_that_is_not_finite_is_an_error():
    truth, upsampled = images(1, 2)
    with pytest.raises(ValueError, match="NaN or infinity"):
        shares(truth, truth * np.nan, upsampled)
