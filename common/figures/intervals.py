"""Differences with their intervals: a panel for each metric, a row for each variant."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from common.figures.style import BLUE, INK, VERMILION, clean_axes, legend_above, save_png

ANSWER_COLOURS = {"better": BLUE, "worse": VERMILION, "no difference seen": "#888888"}
ANSWER_MARKERS = {"better": "o", "worse": "s", "no difference seen": "D"}


class IntervalRow(NamedTuple):
    """One interval.

    Attributes:
        panel: title of its panel, such as `RMSE (DN) ↓`.
        label: of its row.
        difference, low, high: centre and ends.
        answer: a key of ANSWER_COLOURS.
    """

    panel: str
    label: str
    difference: float
    low: float
    high: float
    answer: str


def plot_intervals(
    rows: Sequence[IntervalRow], reference: str, output_png: str | os.PathLike[str], notice: str = ""
) -> None:
    """Draw intervals of differences; a line marks 0, no difference to the reference.

    Args:
        rows: at least one.
        reference: what all differences are to.
        output_png: file to write.
        notice: a line below all panels.

    Raises:
        OutputError: the PNG cannot be written.
    """
    panels, labels = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("panel", "label"))
    size = (2.6 * len(panels) + 1.5, 1.5 + 0.32 * len(labels) + (0.3 if notice else 0))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    handles = {}
    for ax, panel in zip(axes, panels, strict=True):
        clean_axes(ax, grid="x")
        ax.tick_params(axis="y", length=0)
        ax.axvline(0, color=INK, linewidth=1)
        for row in (row for row in rows if row.panel == panel):
            height, colour = labels.index(row.label), ANSWER_COLOURS[row.answer]
            ax.plot([row.low, row.high], [height, height], color=colour, linewidth=2, solid_capstyle="butt")
            (mark,) = ax.plot(
                row.difference, height, ANSWER_MARKERS[row.answer], color=colour, linestyle="none", markersize=6
            )
            handles.setdefault(row.answer, mark)
        ax.set_title(panel, loc="left", fontsize=10, color=INK)
        ax.locator_params(axis="x", nbins=4)
        ax.margins(x=0.1)
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].set_ylim(len(labels) - 0.5, -0.5)
    legend_above(figure, [*handles.values()], [*handles], title=f"Difference to {reference}")
    if notice:
        figure.supxlabel(notice, fontsize=9, color=VERMILION, x=0.01, ha="left")
    save_png(figure, output_png)
