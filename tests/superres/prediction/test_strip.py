"""Strips: parts, joined strips, and windows of images at any GSD."""

import numpy as np
import pytest

from common.pixels.windows import Window
from superres.prediction.strip import Strip, cut

WINDOW = Window(36, 12, 24, 60)


@pytest.fixture
def strip() -> Strip:
    """A strip whose pixels at 10 m hold 1000 * row + column of the scene."""
    row, col = np.mgrid[36:60, 12:72]
    fine = (1000 * row + col)[..., None]
    dn = {gsd: fine[:: gsd // 10, :: gsd // 10].astype(np.uint16) for gsd in (10, 20, 60)}
    errors = {20: (fine // 1000).astype(np.uint16)}
    return Strip(WINDOW, dn, {20: fine.astype(np.float32), 60: 2.0 * fine.astype(np.float32)}, errors)


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_cut_returns_the_pixels_of_the_window(gsd):
    factor = gsd // 10
    image = np.arange(20 * 30).reshape(20, 30, 1)
    window = Window(2 * factor, 3 * factor, 4 * factor, 5 * factor)
    np.testing.assert_array_equal(cut(image, gsd, window), image[2:6, 3:8])


def test_cut_refuses_parts_of_coarse_pixels():
    with pytest.raises(ValueError, match="does not lie on a grid 6 times coarser"):
        cut(np.zeros((4, 4, 1)), 60, Window(6, 6, 6, 8))


def test_a_part_holds_the_same_pixels(strip):
    window = Window(42, 24, 12, 30)
    part = strip.part(window)
    assert part.window == window
    for gsd, image in part.dn.items():
        assert image[0, 0, 0] == np.uint16(1000 * 42 + 24)
        assert image.shape == (120 // gsd, 300 // gsd, 1)
    assert part.estimates[20][-1, -1, 0] == 1000 * 53 + 53
    np.testing.assert_array_equal(part.estimates[60], 2 * part.estimates[20])
    np.testing.assert_array_equal(part.errors[20], part.estimates[20] // 1000)


def test_a_strip_is_filled_with_its_parts(strip):
    filled = Strip.empty(WINDOW, strip.dn, gsds=(20,), error_gsds=(20,))
    assert [image.dtype for image in (filled.estimates[20], filled.errors[20])] == [np.float32, np.uint16]
    for window in (Window(36, 12, 24, 30), Window(36, 42, 24, 30)):
        part = strip.part(window)
        filled.put(
            Strip(window, part.dn, *({20: images[20].repeat(6, axis=2)} for images in (part.estimates, part.errors)))
        )
    np.testing.assert_array_equal(filled.estimates[20], strip.estimates[20].repeat(6, axis=2))
    np.testing.assert_array_equal(filled.errors[20], strip.errors[20].repeat(6, axis=2))


def test_strips_that_were_cut_join_again(strip):
    upper, lower = strip.part(Window(36, 12, 6, 60)), strip.part(Window(42, 12, 18, 60))
    joined = upper.with_rows_below(lower)
    assert joined.window == WINDOW
    for before, after in ((strip.dn, joined.dn), (strip.estimates, joined.estimates), (strip.errors, joined.errors)):
        assert before.keys() == after.keys()
        for gsd in before:
            np.testing.assert_array_equal(after[gsd], before[gsd])


def test_a_copy_of_a_part_keeps_no_larger_array(strip):
    part = strip.part(Window(42, 24, 12, 30))
    copy = part.copy()
    assert copy.window == part.window
    for of_part, of_copy in ((part.dn, copy.dn), (part.estimates, copy.estimates), (part.errors, copy.errors)):
        assert of_part.keys() == of_copy.keys()
        for gsd, image in of_copy.items():
            np.testing.assert_array_equal(image, of_part[gsd])
            assert image.base is None
