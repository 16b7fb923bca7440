"""The learning curves of a run folder, drawn from `history.csv`."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.figures.style import BLUE, INK, ORANGE, PURPLE, VERMILION, clean_axes, save_png, use_log_scale

CURVE_COLOURS = {
    "loss": BLUE,
    "val_loss": ORANGE,
    "val_rmse": ORANGE,
    "val_f1_micro": BLUE,
    "val_f1_macro": ORANGE,
    "adversarial_loss": BLUE,
    "discriminator_loss": PURPLE,
    "learning_rate": INK,
}
CURVE_STYLE = {"marker": "o", "markersize": 2.5, "linewidth": 1.5}  # markers show a run of one epoch


@dataclass(frozen=True)
class HistoryPanel:
    """A panel of the learning curve: which columns it shows under which labels, and how."""

    labels: dict[str, str]
    title: str
    unit: str
    height: float  # inches
    is_minimised: bool | None = True  # None: neither is better
    drawstyle: str = "default"
    number: str = "{x:g}"


RATE_PANEL = HistoryPanel(
    {"learning_rate": "learning rate"},
    "Learning rate",
    "Rate",
    1.3,
    is_minimised=None,
    drawstyle="steps-mid",
    number="{x:.1e}",
)


def draw_history(
    history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], panels: Sequence[HistoryPanel]
) -> None:
    """Draw the learning curve of a run, panels one below the other.

    Args:
        history_csv: one row an epoch; of the columns of the panels those that are there are drawn.
        output_png: file to write.
        panels: what to draw.

    Raises:
        ValueError: the table holds no epoch, or nothing to draw.
    """
    columns = _read_history(history_csv)
    known = [name for panel in panels for name in panel.labels]
    panels = [panel for panel in panels if any(name in columns for name in panel.labels)]
    if not panels:
        raise ValueError(f"{history_csv} needs a column of {', '.join(known)}; it has {', '.join(columns)}.")
    heights = [panel.height for panel in panels]
    figure = Figure(figsize=(7, 0.7 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_curves(ax, panel, columns)
    axes[-1].set_xlabel("Epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    save_png(figure, output_png)


def _read_history(history_csv: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Columns of numbers by name, always with `epoch`; empty cells are NaN."""
    with open(history_csv, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{history_csv} holds no epoch; train for one at least.")
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    return {"epoch": np.arange(1, len(rows) + 1)} | columns


def _draw_curves(ax: Axes, panel: HistoryPanel, columns: dict[str, np.ndarray]) -> None:
    clean_axes(ax, grid="y")
    names = [name for name in panel.labels if name in columns]
    for name in names:
        style = {"color": CURVE_COLOURS.get(name, PURPLE), "label": panel.labels[name], "drawstyle": panel.drawstyle}
        ax.plot(columns["epoch"], columns[name], **style, **CURVE_STYLE)
    ax.set_ylabel(panel.unit)
    ax.yaxis.set_major_formatter(panel.number)
    ax.set_title(panel.title, loc="left", fontsize=10, color=INK)
    is_score = panel.is_minimised is False  # between 0 and 1, where the upper end matters
    if not is_score and _spans_decades(np.concatenate([columns[name] for name in names])):
        use_log_scale(ax, panel.number)
    if panel.is_minimised is not None:
        _mark_best(ax, columns["epoch"], columns[names[-1]], panel.is_minimised)
    if panel.is_minimised is not None or len(names) > 1:
        ax.legend(framealpha=1, edgecolor="none")


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size > 0 and finite.min() > 0 and finite.max() > 8 * finite.min()


def _mark_best(ax: Axes, epoch: np.ndarray, values: np.ndarray, is_minimised: bool) -> None:
    if np.isfinite(values).any():
        best = int(np.nanargmin(values) if is_minimised else np.nanargmax(values))
        label = f"best: {values[best]:.4g} in epoch {epoch[best]:.0f}"
        ax.plot(epoch[best], values[best], "o", color=VERMILION, zorder=3, label=label)
