"""Checks, strips of rows, and valid pixels of image pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.metrics import image_pairs
from common.metrics.image_pairs import check_shapes, quotient, row_strips, valid_spectra
from tests.support.image_pairs import random_dn


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 6), st.integers(1, 4), st.integers(1, 100))
def test_strips_cover_each_run_of_rows_once(rows: int, cols: int, overlap: int, step: int, strip_pixels: int) -> None:
    """A run of overlap + 1 rows, the height of a window, lies in exactly one strip."""
    strips = list(row_strips(rows, cols, overlap, step, strip_pixels))
    starts = [start for strip in strips for start in range(strip.start, strip.stop - overlap)]
    assert starts == list(range(rows - overlap))
    assert all(strip.stop - strip.start > overlap for strip in strips)
    assert all((strip.stop - strip.start - overlap) % step == 0 for strip in strips[:-1])


@pytest.mark.parametrize("strip_pixels", [1, 30, 10**6])
def test_valid_pixels_come_in_order_as_float64(strip_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pairs, "STRIP_PIXELS", strip_pixels)
    truth, estimate = random_dn(1), random_dn(2)
    mask = np.random.default_rng(0).random(truth.shape[:2]) > 0.5
    pairs = list(valid_spectra(truth, estimate, mask))
    for position, image in enumerate((truth, estimate)):
        pixels = np.concatenate([pair[position] for pair in pairs])
        assert pixels.dtype == np.float64
        np.testing.assert_array_equal(pixels, image[mask])


def test_an_image_without_a_valid_pixel_is_an_error() -> None:
    image = random_dn(1)
    with pytest.raises(ValueError, match="no valid pixel to compare in an image of 16 x 14 px"):
        next(valid_spectra(image, image, np.zeros(image.shape[:2], bool)))
    with pytest.raises(ValueError, match="no valid pixel"):
        next(valid_spectra(image[:0], image[:0], None))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_only_valid_pixels_must_be_finite(value: float) -> None:
    truth, estimate = random_dn(1), random_dn(2).astype(np.float32)
    estimate[3, 4, 1] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
        list(valid_spectra(truth, estimate, None))
    mask = np.ones(truth.shape[:2], bool)
    mask[3, 4] = False
    assert sum(len(x) for x, _ in valid_spectra(truth, estimate, mask)) == 16 * 14 - 1


@pytest.mark.parametrize(
    ("truth", "estimate", "mask", "message"),
    [
        ((4, 4, 2), (4, 3, 2), None, r"one shape \(rows, cols, bands\); got \(4, 4, 2\) and \(4, 3, 2\)"),
        ((4, 4), (4, 4), None, "one shape"),
        ((4, 4, 2), (4, 4, 2), np.ones((4, 3), bool), r"must be bool of shape \(4, 4\); got bool of shape \(4, 3\)"),
        ((4, 4, 2), (4, 4, 2), np.ones((4, 4)), "got float64"),
    ],
)
def test_shapes_must_fit(truth: tuple, estimate: tuple, mask: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_shapes(np.zeros(truth), np.zeros(estimate), mask)


def test_quotient_replaces_division_by_zero() -> None:
    np.testing.assert_array_equal(quotient(np.array([4.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0]), 7.0), [2, 7, 7])
