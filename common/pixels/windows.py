"""Integer geometry of windows on a pixel grid: no arrays, no I/O.

Rows grow downwards, columns to the right; a window is its upper-left corner and its size, in pixels of one grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows row .. row+height-1, columns col .. col+width-1."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window's pixels in an array (rows, cols, ...)."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def scaled(self, factor: int) -> "Window":
        """The same ground on a grid whose pixels are `factor` times smaller."""
        return Window(self.row * factor, self.col * factor, self.height * factor, self.width * factor)

    def coarsened(self, factor: int) -> "Window":
        """The same ground on a grid whose pixels are `factor` times larger.

        Raises:
            ValueError: a number is not a multiple of factor.
        """
        numbers = (self.row, self.col, self.height, self.width)
        if any(number % factor for number in numbers):
            raise ValueError(f"window {numbers} does not lie on a grid {factor} times coarser.")
        return Window(*(number // factor for number in numbers))

    def relative_to(self, other: "Window") -> "Window":
        """The same pixels, counted from the upper-left corner of `other`."""
        return Window(self.row - other.row, self.col - other.col, self.height, self.width)

    def grown(self, margin: int, rows: int, cols: int) -> "Window":
        """Grown by `margin` pixels on each side, and cut at the edges of a (rows, cols) grid."""
        top, left = max(0, self.row - margin), max(0, self.col - margin)
        bottom = min(rows, self.row + self.height + margin)
        right = min(cols, self.col + self.width + margin)
        return Window(top, left, bottom - top, right - left)

    def snapped(self, multiple: int) -> "Window":
        """The smallest window that holds this one and whose numbers are multiples of `multiple`."""
        top, left = self.row // multiple * multiple, self.col // multiple * multiple
        bottom, right = (-(-end // multiple) * multiple for end in (self.row + self.height, self.col + self.width))
        return Window(top, left, bottom - top, right - left)

    def overlap(self, other: "Window") -> "Window":
        """The pixels of both; height or width is 0 where there are none."""
        top, left = max(self.row, other.row), max(self.col, other.col)
        bottom = min(self.row + self.height, other.row + other.height)
        right = min(self.col + self.width, other.col + other.width)
        return Window(top, left, max(0, bottom - top), max(0, right - left))

    def moved(self, rows: int, cols: int) -> "Window":
        """The window so many rows further down and columns further right."""
        return Window(self.row + rows, self.col + cols, self.height, self.width)

    def middle(self, most: int, multiple: int) -> "Window":
        """Its middle, at most `most` pixels high and wide, with numbers that are multiples of `multiple`."""
        height, width = (min(side, most) // multiple * multiple for side in (self.height, self.width))
        row = self.row + (self.height - height) // 2 // multiple * multiple
        col = self.col + (self.width - width) // 2 // multiple * multiple
        return Window(row, col, height, width)


def grid(rows: int, cols: int, height: int, width: int) -> Iterator[Window]:
    """Cut a (rows, cols) grid into windows, row by row; each pixel is in exactly one.

    Windows at the right and lower edges are smaller where the size does not divide.
    """
    for row in range(0, rows, height):
        for col in range(0, cols, width):
            yield Window(row, col, min(height, rows - row), min(width, cols - col))


def spread_positions(length: int, size: int, step: int) -> list[int]:
    """Starts of intervals of `size` in `length` pixels, at most `step` apart, the first and last flush with the ends.

    Empty where `size` does not fit.
    """
    if size > length:
        return []
    count = -(-(length - size) // step)  # rounded up
    return [round(i * (length - size) / count) for i in range(count + 1)] if count else [0]
