"""Figures of super-resolution, drawn from tables and arrays: learning curve, metrics, picture comparison.

Tables are those of a run folder (`history.csv`, `metrics.csv`); arrays are (rows, cols, bands) in DN. Each function
saves one PNG and needs no display. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.metrics import OVERALL, rmse

DPI = 150
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
INK, FAINT = "#333333", "#DDDDDD"
BASELINE_COLOURS = {"bilinear": "#CCCCCC", "bicubic": "#888888"}
NETWORK_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)

# metric -> title and direction of the panels of plot_metrics
METRIC_PANELS = {
    "rmse": ("RMSE (DN)", "lower is better"),
    "sre": ("SRE (dB)", "higher is better"),
    "ergas": ("ERGAS", "lower is better"),
    "sam": ("SAM (degrees)", "lower is better"),
}
# The first triple whose bands are all there is shown as red, green, blue; a single band in grey otherwise.
FALSE_COLOURS = (("B12", "B8A", "B05"), ("B08", "B04", "B03"))
STRETCH_PERCENTILES = (2, 98)  # of the truth
ERROR_PERCENTILE = 99.5  # upper end of the colour scale of error maps
COMPARISON_TITLES = ("Low-resolution input", "Bicubic", "Network", "Truth")


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw the learning curve of a run.

    Args:
        history_csv: one row an epoch; of the columns epoch, loss, val_loss, val_rmse (DN) and learning_rate those that
            are there are drawn, in panels below each other.
        output_png: file to write.

    Raises:
        ValueError: the table holds no epoch, or none of these columns.
    """
    columns = _read_columns(history_csv)
    epoch = columns.get("epoch", np.arange(1, 1 + len(next(iter(columns.values())))))
    panels = [
        (draw, height)
        for draw, height, needs in ((_draw_loss, 3, "loss"), (_draw_rmse, 2, "val_rmse"), (_draw_rate, 1.2, "learning_rate"))
        if needs in columns
    ]
    if not panels:
        raise ValueError(f"{history_csv} needs a column loss, val_rmse or learning_rate; got {', '.join(columns)}.")
    heights = [height for _, height in panels]
    figure = Figure(figsize=(7, 1 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (draw, _) in zip(axes, panels, strict=True):
        draw(_clean(ax), epoch, columns)
        ax.margins(y=0.1)
    axes[-1].set_xlabel("Epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    save_png(figure, output_png)


def plot_metrics(metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw RMSE, SRE, ERGAS and SAM of each scene side by side, one bar a method.

    Args:
        metrics_csv: columns scene, method, band, metric, value; the rows of band `all` are drawn.
        output_png: file to write.

    Raises:
        ValueError: the table holds none of these metrics for band `all`.
    """
    values = {(row["metric"], row["scene"], row["method"]): float(row["value"]) for row in _overall_rows(metrics_csv)}
    metrics = [metric for metric in METRIC_PANELS if any(key[0] == metric for key in values)]
    if not metrics:
        raise ValueError(f"{metrics_csv} holds no {', '.join(METRIC_PANELS)} of band {OVERALL}; evaluate the run again.")
    scenes, methods = (list(dict.fromkeys(key[position] for key in values)) for position in (1, 2))
    colours = _method_colours(methods)
    figure = Figure(figsize=(2.6 * len(metrics) + 1.2, 1.5 + 0.26 * len(scenes) * (len(methods) + 1)), layout="constrained")
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        table = np.array([[values.get((metric, scene, method), np.nan) for method in methods] for scene in scenes])
        _draw_bars(_clean(ax, grid="x"), table, [colours[method] for method in methods])
        title, direction = METRIC_PANELS[metric]
        ax.set_title(title, loc="left", fontsize=11, color=INK)
        ax.set_xlabel(direction, fontsize=9)
    axes[0].set_yticks(range(len(scenes)), [_short_name(scene) for scene in scenes])
    axes[0].invert_yaxis()
    figure.legend(axes[0].containers, methods, loc="outside upper left", ncols=len(methods), frameon=False)
    save_png(figure, output_png)


def plot_comparison(
    truth: np.ndarray,
    baseline: np.ndarray,
    estimate: np.ndarray,
    output_png: str | os.PathLike[str],
    bands: Sequence[str],
    titles: Sequence[str] = COMPARISON_TITLES,
    low_res: np.ndarray | None = None,
) -> None:
    """Show an image beside its truth, and where each is wrong, all with the same stretch and one scale of errors.

    Args:
        truth: shape (rows, cols, bands), DN; a few hundred pixels wide, so that single pixels can be seen.
        baseline: the same shape, the interpolated image.
        estimate: the same shape, the network's image.
        output_png: file to write.
        bands: names of the bands in their order; they decide which are shown in colour.
        titles: of the pictures: low-resolution input, baseline, estimate, truth.
        low_res: shape (rows / s, cols / s, bands), what both were made from; None leaves it out.
    """
    shown = _shown_bands(bands)
    channels = [list(bands).index(band) for band in shown]
    limits = _stretch_limits(truth[..., channels])
    pictures = [image for image in (low_res, baseline, estimate, truth) if image is not None]
    rows, cols = truth.shape[:2]
    figure = Figure(figsize=(2.9 * len(pictures), 2 * (2.9 * rows / cols + 0.4) + 0.3), layout="constrained")
    axes = figure.subplots(2, len(pictures))
    for ax, image, title in zip(axes[0], pictures, titles[-len(pictures) :], strict=True):
        _draw_picture(ax, image[..., channels], limits, (rows, cols))
        ax.set_title(title, fontsize=11, color=INK)
    _draw_errors(axes[1, -3:], truth, (baseline, estimate))
    if low_res is not None:
        axes[1, 0].set_axis_off()
    axes[1, 0 if low_res is not None else -1].text(
        *((0.0, 1.0) if low_res is not None else (0.45, 1.0)),
        _caption(shown, len(bands), rows, cols), transform=axes[1, 0 if low_res is not None else -1].transAxes,
        va="top", fontsize=9, color=INK, linespacing=1.5,
    )
    save_png(figure, output_png)
