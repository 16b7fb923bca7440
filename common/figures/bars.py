"""Horizontal bars with numbers, in groups."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from common.figures.style import INK, clean_axes

GROUP_HEIGHT = 0.8  # of the distance between two groups
BAR_FILL = 0.92  # of the height that one bar has


def draw_bars(ax: Axes, values: np.ndarray, colours: Sequence[str], format_value: Callable[[float], str]) -> None:
    """Draw a group of horizontal bars for each row of a table, and a number beside each bar.

    Args:
        ax: axes to draw into; row i lies at height i.
        values: shape (groups, bars). A NaN leaves a gap; infinity gets its number but no bar.
        colours: one for each bar of a group.
        format_value: returns the number beside a bar; it is not called for NaN.
    """
    clean_axes(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    bar_count = values.shape[1]
    height = GROUP_HEIGHT / bar_count
    for index, colour in enumerate(colours):
        centres = np.arange(len(values)) + (index - (bar_count - 1) / 2) * height
        column = values[:, index]
        bars = ax.barh(centres, np.where(np.isfinite(column), column, 0), BAR_FILL * height, color=colour)
        labels = ["" if np.isnan(value) else format_value(value) for value in column]
        ax.bar_label(bars, labels, padding=3, fontsize=8, color=INK)
