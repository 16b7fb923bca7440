"""Figures of super-resolution, drawn from tables and arrays: learning curve, metrics, picture comparison.

Tables are those of a run folder (`history.csv`, `metrics.csv`); arrays are (rows, cols, bands) in DN. Each function
saves one PNG and needs no display. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from common.metrics import OVERALL, rmse

DPI = 150
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
INK, FAINT = "#333333", "#DDDDDD"
BASELINE_COLOURS = {"bilinear": "#CCCCCC", "bicubic": "#888888"}
NETWORK_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)

CURVE_COLOURS = {"loss": BLUE, "val_loss": ORANGE, "val_rmse": ORANGE, "learning_rate": INK}
CURVE_STYLE = {"marker": "o", "markersize": 2.5, "linewidth": 1.5}  # markers show a run of one epoch
CELL_INCHES = 2.9  # width of a picture

# metric -> title and direction
METRIC_PANELS = {
    "rmse": ("RMSE (DN)", "lower is better"),
    "sre": ("SRE (dB)", "higher is better"),
    "ergas": ("ERGAS", "lower is better"),
    "sam": ("SAM (degrees)", "lower is better"),
}
# The first triple that is complete is shown as red, green, blue; without one, the first band in grey.
FALSE_COLOURS = (("B12", "B8A", "B05"), ("B08", "B04", "B03"))
STRETCH_PERCENTILES = (2, 98)  # of the truth
ERROR_PERCENTILE = 99.5  # upper end of the colour scale of error maps
COMPARISON_TITLES = ("Low-resolution input", "Bicubic", "Network", "Truth")


@dataclass(frozen=True)
class HistoryPanel:
    """A panel of the learning curve: which columns it shows under which labels, and how."""

    labels: dict[str, str]
    title: str
    unit: str
    height: float  # inches
    is_minimised: bool = True
    drawstyle: str = "default"
    number: str = "{x:g}"


HISTORY_PANELS = (
    HistoryPanel({"loss": "training", "val_loss": "validation"}, "Loss, lower is better", "Loss (network units)", 3.0),
    HistoryPanel({"val_rmse": "validation"}, "RMSE of validation patches, lower is better", "RMSE (DN)", 2.0),
    HistoryPanel(
        {"learning_rate": "learning rate"},
        "Learning rate",
        "Rate",
        1.3,
        is_minimised=False,
        drawstyle="steps-mid",
        number="{x:.1e}",
    ),
)


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw the learning curve of a run: loss, validation RMSE and learning rate, one below the other.

    Args:
        history_csv: one row an epoch; of the columns epoch, loss, val_loss, val_rmse (DN) and learning_rate those that
            are there are drawn.
        output_png: file to write.

    Raises:
        ValueError: the table holds no epoch, or nothing to draw.
    """
    columns = _read_history(history_csv)
    panels = [panel for panel in HISTORY_PANELS if any(name in columns for name in panel.labels)]
    if not panels:
        raise ValueError(f"{history_csv} needs a column loss, val_rmse or learning_rate; it has {', '.join(columns)}.")
    heights = [panel.height for panel in panels]
    figure = Figure(figsize=(7, 0.7 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_curves(ax, panel, columns)
    axes[-1].set_xlabel("Epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    save_png(figure, output_png)


def plot_metrics(metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw RMSE, SRE, ERGAS and SAM side by side: for each scene, one bar a method.

    Args:
        metrics_csv: columns scene, method, band, metric, value; the rows of band `all` are drawn.
        output_png: file to write.

    Raises:
        ValueError: the table holds none of these metrics for band `all`.
    """
    values = _read_overall(metrics_csv)
    metrics = [metric for metric in METRIC_PANELS if any(key[0] == metric for key in values)]
    if not metrics:
        raise ValueError(f"{metrics_csv} has no {', '.join(METRIC_PANELS)} of band {OVERALL}; evaluate the run again.")
    scenes, methods = (list(dict.fromkeys(key[position] for key in values)) for position in (1, 2))
    height = 1.6 + 0.25 * len(scenes) * (len(methods) + 1)
    figure = Figure(figsize=(2.5 * len(metrics) + 1.5, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        table = np.array([[values.get((metric, scene, method), np.nan) for method in methods] for scene in scenes])
        _draw_bars(ax, metric, table, _method_colours(methods))
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
    """Show images beside their truth with one stretch, and below them where they are wrong with one scale of errors.

    Args:
        truth: shape (rows, cols, bands), DN; a hundred pixels or two wide, so that single pixels can be seen.
        baseline: the same shape, the interpolated image.
        estimate: the same shape, the network's image.
        output_png: file to write.
        bands: names of the bands in their order; they decide which are shown in colour.
        titles: of the low-resolution input, baseline, estimate and truth.
        low_res: shape (rows / s, cols / s, bands), what both were made from; None leaves it out.
    """
    pictures = [image for image in (low_res, baseline, estimate, truth) if image is not None]
    rows, cols = truth.shape[:2]
    cell_height = CELL_INCHES * rows / cols + 0.3
    figure = Figure(figsize=(CELL_INCHES * len(pictures), 2 * cell_height + 0.3), layout="constrained")
    axes = figure.subplots(2, len(pictures))
    shown = _shown_bands(bands)
    for ax, title in zip(axes[0], titles[-len(pictures) :], strict=True):
        ax.set_title(title, fontsize=11, color=INK)
    _draw_pictures(axes[0], pictures, [list(bands).index(band) for band in shown])
    _draw_errors(axes[1, -3:], truth, (baseline, estimate))
    for ax in axes.flat:
        ax.set_axis_off()
    colours = f"{', '.join(shown)} as red, green, blue" if len(shown) == 3 else f"{shown[0]} in grey"
    caption = f"{cols} x {rows} px. Above: {colours}. Below: |error|, mean of {len(bands)} bands, darker is better."
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=9, color=INK)
    save_png(figure, output_png)


def save_png(figure: Figure, output_png: str | os.PathLike[str]) -> None:
    """Save a figure so that the file is there as a whole, or not at all."""
    output = Path(output_png)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        figure.savefig(partial, format="png", dpi=DPI)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _read_history(history_csv: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Columns of numbers by name, always with `epoch`; empty cells are NaN."""
    with open(history_csv, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{history_csv} holds no epoch; train for one at least.")
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    return {"epoch": np.arange(1, len(rows) + 1)} | columns


def _read_overall(metrics_csv: str | os.PathLike[str]) -> dict[tuple[str, str, str], float]:
    """Values of band `all` by (metric, scene, method), in the table's order."""
    with open(metrics_csv, newline="") as file:
        return {
            (row["metric"], row["scene"], row["method"]): float(row["value"])
            for row in csv.DictReader(file)
            if row["band"] == OVERALL
        }


def _draw_curves(ax: Axes, panel: HistoryPanel, columns: dict[str, np.ndarray]) -> None:
    _clean(ax, grid="y")
    names = [name for name in panel.labels if name in columns]
    for name in names:
        style = {"color": CURVE_COLOURS[name], "label": panel.labels[name], "drawstyle": panel.drawstyle}
        ax.plot(columns["epoch"], columns[name], **style, **CURVE_STYLE)
    ax.set_ylabel(panel.unit)
    ax.yaxis.set_major_formatter(panel.number)
    ax.set_title(panel.title, loc="left", fontsize=10, color=INK)
    if _spans_decades(np.concatenate([columns[name] for name in names])):
        _use_log_scale(ax, panel.number)
    if panel.is_minimised:
        _mark_best(ax, columns["epoch"], columns[names[-1]])
        ax.legend(framealpha=1, edgecolor="none")


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size > 0 and finite.min() > 0 and finite.max() > 8 * finite.min()


def _use_log_scale(ax: Axes, number: str) -> None:
    """Logarithmic, with numbers at 1, 2 and 5 only."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(number)
    ax.yaxis.set_minor_locator(NullLocator())


def _mark_best(ax: Axes, epoch: np.ndarray, values: np.ndarray) -> None:
    if np.isfinite(values).any():
        best = int(np.nanargmin(values))
        label = f"best: {values[best]:.4g} in epoch {epoch[best]:.0f}"
        ax.plot(epoch[best], values[best], "o", color=VERMILION, zorder=3, label=label)


def _draw_bars(ax: Axes, metric: str, table: np.ndarray, colours: Sequence[str]) -> None:
    """Horizontal bars of a (scenes, methods) table, grouped by scene."""
    _clean(ax, grid="x")
    thickness = 0.8 / table.shape[1]
    for method, colour in enumerate(colours):
        position = np.arange(len(table)) + (method - (table.shape[1] - 1) / 2) * thickness
        column = table[:, method]
        bars = ax.barh(position, np.where(np.isfinite(column), column, 0), 0.92 * thickness, color=colour)
        ax.bar_label(bars, [_number(value) for value in column], padding=3, fontsize=8, color=INK)
    title, direction = METRIC_PANELS[metric]
    ax.set_title(title, loc="left", fontsize=11, color=INK)
    ax.set_xlabel(direction, fontsize=9)
    ax.margins(x=0.25)  # room for the numbers
    ax.tick_params(axis="y", length=0)


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _method_colours(methods: Sequence[str]) -> list[str]:
    """Grey for interpolation, the next colour for each network."""
    networks = [method for method in methods if method not in BASELINE_COLOURS]
    colours = BASELINE_COLOURS | {name: NETWORK_COLOURS[i % len(NETWORK_COLOURS)] for i, name in enumerate(networks)}
    return [colours[method] for method in methods]


def _short_name(scene: str) -> str:
    """Tile and date of a product's name, such as T33UUB and 2017-05-27; any other name as it is."""
    date, tile = re.search(r"_(\d{8})T\d{6}", scene), re.search(r"_(T\d{2}[A-Z]{3})", scene)
    if not (date and tile):
        return scene
    return f"{tile[1]}\n{date[1][:4]}-{date[1][4:6]}-{date[1][6:]}"


def _shown_bands(bands: Sequence[str]) -> tuple[str, ...]:
    return next((triple for triple in FALSE_COLOURS if set(triple) <= set(bands)), (bands[0],))


def _draw_pictures(axes: Sequence[Axes], pictures: Sequence[np.ndarray], channels: Sequence[int]) -> None:
    """Draw images of any GSD at one size, all stretched as the last one, the truth, needs it."""
    low, high = np.percentile(pictures[-1][..., channels], STRETCH_PERCENTILES, axis=(0, 1))
    rows, cols = pictures[-1].shape[:2]
    for ax, image in zip(axes, pictures, strict=True):
        stretched = ((image[..., channels] - low) / np.maximum(high - low, 1)).clip(0, 1)
        grey_or_colour = stretched if len(channels) == 3 else stretched[..., 0]
        ax.imshow(grey_or_colour, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, cols, rows, 0))


def _draw_errors(axes: Sequence[Axes], truth: np.ndarray, images: Sequence[np.ndarray]) -> None:
    """Draw an error map of each image, and in the last of the axes the colour bar that they share."""
    errors = [np.abs(image.astype(np.float64) - truth).mean(axis=-1) for image in images]
    highest = max(np.percentile(errors, ERROR_PERCENTILE), 1.0)
    for ax, image, error in zip(axes, images, errors, strict=False):
        shown = ax.imshow(error, cmap="inferno", vmin=0, vmax=highest, interpolation="nearest")
        ax.set_title(f"RMSE {rmse(truth, image):.1f} DN", fontsize=10, color=INK)
    bar_axes = axes[-1].inset_axes((0.0, 0.03, 0.07, 0.94))
    bar = axes[-1].figure.colorbar(shown, cax=bar_axes, extend="max", label="|error| (DN)")
    bar.outline.set_visible(False)


def _clean(ax: Axes, grid: str) -> None:
    """Take away what carries no data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.grid(axis=grid, color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
