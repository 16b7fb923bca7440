"""Integer geometry of windows on a pixel grid. No arrays, no I/O.

Rows count downwards, columns to the right. A window is its upper-left corner and its size, in pixels of one grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows row .. row + height - 1, columns col .. col + width - 1."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window in an array of shape (rows, cols, ...)."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def scaled(self, factor: int) -> "Window":
        """Return the same ground on a grid with pixels `factor` times smaller."""
        return Window(self.row * factor, self.col * factor, self.height * factor, self.width * factor)

    def coarsened(self, factor: int) -> "Window":
        """Return the same ground on a grid with pixels `factor` times larger.

        Raises:
            ValueError: a corner or a side is not a multiple of factor.
        """
        corner_and_size = (self.row, self.col, self.height, self.width)
        if any(pixels % factor for pixels in corner_and_size):
            raise ValueError(f"window {corner_and_size} does not lie on a grid {factor} times coarser.")
        return Window(*(pixels // factor for pixels in corner_and_size))

    def relative_to(self, other: "Window") -> "Window":
        """Return the same pixels, counted from the upper-left corner of `other`."""
        return Window(self.row - other.row, self.col - other.col, self.height, self.width)

    def grown(self, margin: int, rows: int, cols: int) -> "Window":
        """Return the window with `margin` more pixels on each side, cut at the edges of a (rows, cols) grid."""
        top, left = max(0, self.row - margin), max(0, self.col - margin)
        bottom = min(rows, self.row + self.height + margin)
        right = min(cols, self.col + self.width + margin)
        return Window(top, left, bottom - top, right - left)

    def snapped(self, multiple: int) -> "Window":
        """Return the smallest window that holds this one, with corner and size multiples of `multiple`."""
        top, left = self.row // multiple * multiple, self.col // multiple * multiple
        bottom, right = (-(-end // multiple) * multiple for end in (self.row + self.height, self.col + self.width))
        return Window(top, left, bottom - top, right - left)

    def overlap(self, other: "Window") -> "Window":
        """Return the pixels that both windows hold; height or width is 0 if there are none."""
        top, left = max(self.row, other.row), max(self.col, other.col)
        bottom = min(self.row + self.height, other.row + other.height)
        right = min(self.col + self.width, other.col + other.width)
        return Window(top, left, max(0, bottom - top), max(0, right - left))

    def moved(self, rows: int, cols: int) -> "Window":
        """Return the window moved down by `rows` and right by `cols`."""
        return Window(self.row + rows, self.col + cols, self.height, self.width)

    def middle(self, most: int, multiple: int) -> "Window":
        """Return the middle of the window, at most `most` pixels high and wide.

        Its size, and its distance from the corner of the window, are multiples of `multiple`.
        """
        height, width = (min(side, most) // multiple * multiple for side in (self.height, self.width))
        row = self.row + (self.height - height) // 2 // multiple * multiple
        col = self.col + (self.width - width) // 2 // multiple * multiple
        return Window(row, col, height, width)


def grid(rows: int, cols: int, height: int, width: int) -> Iterator[Window]:
    """Cut a (rows, cols) grid into windows, row by row; each pixel is in exactly one window.

    Windows at the right and lower edges are smaller if height and width do not divide the grid.
    """
    for row in range(0, rows, height):
        for col in range(0, cols, width):
            yield Window(row, col, min(height, rows - row), min(width, cols - col))


def strip_height(cols: int, pixels: int, step: int = 1) -> int:
    """Return the rows of a strip of at most `pixels` pixels, a multiple of `step`; at least one step."""
    return max(1, pixels // max(1, cols) // step) * step


def spread_positions(length: int, size: int, step: int) -> list[int]:
    """Return the starts of intervals of `size` in `length` pixels, at most `step` apart.

    The first interval starts at 0 and the last ends at `length`. Empty if size is larger than length.
    """
    if size > length:
        return []
    count = -(-(length - size) // step)  # rounded up
    return [round(i * (length - size) / count) for i in range(count + 1)] if count else [0]
