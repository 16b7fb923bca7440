"""The learning curves of a run folder, drawn from `history.csv`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.figures.style import INK, VERMILION, clean_axes, save_png, use_log_scale
from common.files.limits import read_table

CURVE_STYLE = {"marker": "o", "markersize": 2.5, "linewidth": 1.5}  # markers show a run of one epoch
LOG_SCALE_RATIO = 8  # of the largest to the smallest value, from which on the axis is logarithmic


@dataclass(frozen=True)
class Curve:
    """A column of `history.csv` and how to draw it."""

    column: str
    label: str
    colour: str


@dataclass(frozen=True)
class HistoryPanel:
    """A panel of the learning curves.

    Attributes:
        curves: the curves, in the order of the legend; the best epoch is marked on the last one.
        title: above the panel.
        unit: label of the y axis.
        height: inches.
        is_minimised: True for losses and errors, False for scores from 0 to 1, None if neither is better.
        drawstyle: matplotlib's.
        number_format: format of the numbers on the y axis.
    """

    curves: tuple[Curve, ...]
    title: str
    unit: str
    height: float
    is_minimised: bool | None = True
    drawstyle: str = "default"
    number_format: str = "{x:g}"


RATE_PANEL = HistoryPanel(
    (Curve("learning_rate", "learning rate", INK),),
    "Learning rate",
    "Rate",
    1.3,
    is_minimised=None,
    drawstyle="steps-mid",
    number_format="{x:.1e}",
)


def draw_history(
    history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], panels: Sequence[HistoryPanel]
) -> None:
    """Draw the learning curves of a run, panels one below the other.

    Args:
        history_csv: one row an epoch. Curves without a column, and panels without a curve, are left out.
        output_png: file to write.
        panels: from top to bottom.

    Raises:
        ValueError: the table has no row, or no column of any curve.
        OutputError: the file cannot be written.
    """
    columns = _read_columns(history_csv)
    known = [curve.column for panel in panels for curve in panel.curves]
    panels = [panel for panel in panels if any(curve.column in columns for curve in panel.curves)]
    if not panels:
        raise ValueError(f"{history_csv} needs a column of {', '.join(known)}; it has {', '.join(columns)}.")
    heights = [panel.height for panel in panels]
    figure = Figure(figsize=(7, 0.7 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, panel, columns)
    axes[-1].set_xlabel("Epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    save_png(figure, output_png)


def _read_columns(history_csv: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the columns by name, always with `epoch`; empty cells are NaN."""
    rows = read_table(history_csv)
    if not rows:
        raise ValueError(f"{history_csv} holds no epoch; train for one at least.")
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    return {"epoch": np.arange(1, len(rows) + 1)} | columns


def _draw_panel(ax: Axes, panel: HistoryPanel, columns: dict[str, np.ndarray]) -> None:
    clean_axes(ax, grid="y")
    curves = [curve for curve in panel.curves if curve.column in columns]
    for curve in curves:
        ax.plot(
            columns["epoch"],
            columns[curve.column],
            color=curve.colour,
            label=curve.label,
            drawstyle=panel.drawstyle,
            **CURVE_STYLE,
        )
    ax.set_ylabel(panel.unit)
    ax.yaxis.set_major_formatter(panel.number_format)
    ax.set_title(panel.title, loc="left", fontsize=10, color=INK)
    is_score = panel.is_minimised is False
    if not is_score and _spans_decades(np.concatenate([columns[curve.column] for curve in curves])):
        use_log_scale(ax, panel.number_format)
    if panel.is_minimised is not None:
        _mark_best(ax, columns["epoch"], columns[curves[-1].column], panel.is_minimised)
    if panel.is_minimised is not None or len(curves) > 1:
        ax.legend(framealpha=1, edgecolor="none")


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size > 0 and finite.min() > 0 and finite.max() > LOG_SCALE_RATIO * finite.min()


def _mark_best(ax: Axes, epoch: np.ndarray, values: np.ndarray, is_minimised: bool) -> None:
    if np.isfinite(values).any():
        best = int(np.nanargmin(values) if is_minimised else np.nanargmax(values))
        label = f"best: {values[best]:.4g} in epoch {epoch[best]:.0f}"
        ax.plot(epoch[best], values[best], "o", color=VERMILION, zorder=3, label=label)
