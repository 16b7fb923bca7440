"""Holes are filled from valid pixels near them, in a window exactly like in the whole image."""

import numpy as np
import pytest

from common.pixels.holes import fill_holes
from common.pixels.windows import Window

REACH = 4


def image_with_holes(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random DN (40, 50, 3) and valid pixels: one band is all valid, one has holes, one has few valid pixels."""
    rng = np.random.default_rng(seed)
    valid = rng.random((40, 50, 3)) < [2, 0.7, 0.02]
    valid[10:25, 20:40, 1] = False
    return rng.integers(1, 5000, (40, 50, 3), dtype=np.uint16), valid


def test_valid_pixels_stay_and_holes_get_the_nearest_value():
    image, valid = image_with_holes()
    filled = fill_holes(image, valid, REACH)
    np.testing.assert_array_equal(filled[valid], image[valid])
    rows, cols = np.nonzero(valid[..., 1])
    for row, col in zip(*np.nonzero(~valid[..., 1]), strict=True):
        distance = np.hypot(rows - row, cols - col)
        near = image[rows[distance == distance.min()], cols[distance == distance.min()], 1]
        assert filled[row, col, 1] in (near if distance.min() <= REACH else [0])


@pytest.mark.parametrize("seed", range(3))
def test_a_window_is_filled_as_the_whole_image(seed):
    image, valid = image_with_holes(seed)
    whole = fill_holes(image, valid, REACH)
    for window in (Window(0, 0, 9, 9), Window(12, 20, 5, 7), Window(31, 44, 9, 6)):
        outer = window.grown(REACH, 40, 50)
        part = fill_holes(image[outer.slices], valid[outer.slices], REACH)
        np.testing.assert_array_equal(part[window.relative_to(outer).slices], whole[window.slices])


def test_an_image_without_holes_is_not_copied():
    image = np.ones((3, 3, 1), np.uint16)
    assert fill_holes(image, image > 0, REACH) is image


def test_a_band_without_data_becomes_zero():
    image = np.full((3, 3, 2), 7, np.uint16)
    valid = np.stack([np.zeros((3, 3), bool), np.ones((3, 3), bool)], axis=2)
    filled = fill_holes(image, valid, REACH)
    assert (filled[..., 0] == 0).all()
    assert (filled[..., 1] == 7).all()
