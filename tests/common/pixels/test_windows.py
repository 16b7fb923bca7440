"""Windows: they cover a grid, survive round trips, and are cut at edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pixels.windows import Window, grid, spread_positions, strip_height

sizes = st.integers(1, 40)
windows = st.builds(Window, st.integers(0, 30), st.integers(0, 30), sizes, sizes)


@given(sizes, sizes, sizes, sizes)
def test_grid_covers_each_pixel_once(rows, cols, height, width):
    visits = np.zeros((rows, cols), int)
    for window in grid(rows, cols, height, width):
        assert window.height <= height
        assert window.width <= width
        assert visits[window.slices].shape == (window.height, window.width)  # no pixel outside the image
        visits[window.slices] += 1
    assert (visits == 1).all()


def test_grid_goes_row_by_row():
    assert list(grid(3, 4, 2, 3)) == [Window(0, 0, 2, 3), Window(0, 3, 2, 1), Window(2, 0, 1, 3), Window(2, 3, 1, 1)]


@pytest.mark.parametrize(
    ("cols", "pixels", "step", "height"),
    [(10, 100, 1, 10), (10, 99, 1, 9), (10, 99, 6, 6), (10, 5, 1, 1), (10, 5, 6, 6), (0, 9, 3, 9)],
)
def test_strips_have_whole_steps_and_at_least_one(cols, pixels, step, height):
    assert strip_height(cols, pixels, step) == height


@given(windows, st.sampled_from([1, 2, 6]))
def test_scaled_and_coarsened_are_inverse(window, factor):
    assert window.scaled(factor).coarsened(factor) == window


def test_scaled_multiplies_each_number():
    assert Window(1, 2, 3, 4).scaled(6) == Window(6, 12, 18, 24)


@pytest.mark.parametrize("position", range(4))
def test_coarsened_refuses_windows_off_the_grid(position):
    numbers = [6, 12, 18, 24]
    numbers[position] += 2
    with pytest.raises(ValueError, match="does not lie on a grid 6 times coarser"):
        Window(*numbers).coarsened(6)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 20), st.data())
def test_grown_is_cut_at_the_edges(rows, cols, margin, data):
    row, col = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, cols - 1))
    window = Window(row, col, data.draw(st.integers(1, rows - row)), data.draw(st.integers(1, cols - col)))
    near = np.zeros((rows + 2 * margin, cols + 2 * margin), bool)
    near[row : row + window.height + 2 * margin, col : col + window.width + 2 * margin] = True
    near = near[margin : margin + rows, margin : margin + cols]
    grown = window.grown(margin, rows, cols)
    pixels = np.zeros((rows, cols), bool)
    pixels[grown.slices] = True
    np.testing.assert_array_equal(pixels, near)
    assert pixels.sum() == grown.height * grown.width  # a slice alone would hide a window that sticks out


@given(st.integers(0, 20), windows)
def test_relative_to_finds_the_same_pixels(margin, window):
    image = np.arange(80 * 80).reshape(80, 80)
    outer = window.grown(margin, 80, 80)
    np.testing.assert_array_equal(image[outer.slices][window.relative_to(outer).slices], image[window.slices])


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 50))
def test_spread_positions(length, size, step):
    starts = spread_positions(length, size, step)
    if size > length:
        assert starts == []
        return
    assert starts[0] == 0
    assert starts[-1] == length - size
    assert all(0 < gap <= step for gap in np.diff(starts))


def test_spread_positions_of_a_single_fit():
    assert spread_positions(32, 32, 16) == [0]


@given(windows, st.sampled_from([1, 2, 6]))
def test_snapped_holds_the_window_and_no_smaller_one_does(window, multiple):
    snapped = window.snapped(multiple)
    assert snapped.coarsened(multiple).scaled(multiple) == snapped
    assert snapped.overlap(window) == window
    assert 0 <= window.row - snapped.row < multiple
    assert 0 <= window.col - snapped.col < multiple
    assert snapped.row + snapped.height - window.row - window.height < multiple
    assert snapped.col + snapped.width - window.col - window.width < multiple


@given(windows, windows)
def test_overlap_is_the_pixels_of_both(one, other):
    pixels = np.zeros((2, 120, 120), bool)
    pixels[0][one.slices] = pixels[1][other.slices] = True
    both = one.overlap(other)
    shared = np.zeros((120, 120), bool)
    shared[both.slices] = True
    np.testing.assert_array_equal(shared, pixels.all(axis=0))
    assert both == other.overlap(one)
    assert (both.height * both.width == 0) == (not shared.any())


def test_moved():
    assert Window(1, 2, 3, 4).moved(10, -2) == Window(11, 0, 3, 4)


@given(windows, st.integers(6, 50), st.sampled_from([1, 2, 6]))
def test_middle_is_centred_inside_the_window(window, most, multiple):
    middle = window.middle(most, multiple)
    assert middle.overlap(window) == middle
    for size, length, start, window_start in (
        (middle.height, window.height, middle.row, window.row),
        (middle.width, window.width, middle.col, window.col),
    ):
        assert size % multiple == (start - window_start) % multiple == 0
        assert min(most, length) - multiple < size <= most
        before = start - window_start
        after = length - size - before
        assert 0 <= after - before < 2 * multiple
