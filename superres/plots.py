"""Figures of super-resolution, drawn from tables and arrays: learning curve, metrics, picture comparison.

Tables are those of a run folder (`history.csv`, `metrics.csv`); arrays are (rows, cols, bands) in DN. Each function
saves one PNG and needs no display. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import csv
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RATE_PANEL,
    SKY,
    VERMILION,
    HistoryPanel,
    clean_axes,
    draw_history,
    legend_above,
    save_png,
)
from common.metrics import OVERALL, rmse
from superres.results import scene_labels

BASELINE_COLOURS = {"bilinear": "#CCCCCC", "bicubic": "#888888"}
MARKERS = "os^Dvp*X"
NETWORK_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)

CELL_INCHES = 2.9  # width of a picture
TITLE_CHARACTERS = 32  # above a picture

# metric -> title and direction
METRIC_PANELS = {
    "rmse": ("RMSE (DN)", "lower is better"),
    "sre": ("SRE (dB)", "higher is better"),
    "ergas": ("ERGAS", "lower is better"),
    "sam": ("SAM (degrees)", "lower is better"),
    "uiq": ("UIQ", "higher is better"),
    "consistency": ("Consistency (DN)", "lower is better"),
    "sharpness": ("Sharpness", "truth about 0.9"),
    "correlation": ("Correlation of detail", "truth about 0.85"),
}
MAIN_METRICS = ("rmse", "sre", "ergas", "sam")
BAND_METRICS = ("rmse", "sre", "uiq")
# The first triple that is complete is shown as red, green, blue; without one, the first band in grey.
FALSE_COLOURS = (("B12", "B8A", "B05"), ("B08", "B04", "B03"))
STRETCH_PERCENTILES = (2, 98)  # of the truth
NO_DATA_GREY = 0.73
ERROR_PERCENTILE = 99.5  # upper end of the colour scale of error maps
COMPARISON_INCHES = 22  # most of a row of pictures

HISTORY_PANELS = (
    HistoryPanel(
        {"loss": "training, its loss", "val_loss": "validation, mean absolute error"},
        "Loss, lower is better",
        "Loss (network units)",
        3.0,
    ),
    HistoryPanel({"val_rmse": "validation"}, "RMSE of validation patches, lower is better", "RMSE (DN)", 2.0),
    HistoryPanel(
        {"adversarial_loss": "generator", "discriminator_loss": "discriminator"},
        "Adversarial losses",
        "Loss",
        2.0,
        is_minimised=None,
    ),
    HistoryPanel(
        {"discriminator_accuracy": "discriminator"},
        "Accuracy of the discriminator, 0.5 is guessing",
        "Share",
        1.5,
        is_minimised=None,
    ),
    RATE_PANEL,
)


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw the learning curve of a run: loss, validation RMSE and learning rate; see `common.figures.draw_history`."""
    draw_history(history_csv, output_png, HISTORY_PANELS)


def plot_metrics(
    metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metrics: Sequence[str] = MAIN_METRICS
) -> None:
    """Draw metrics side by side: for each scene, one bar a method.

    Args:
        metrics_csv: columns scene, method, band, metric, value; the rows of band `all` are drawn.
        output_png: file to write.
        metrics: which of METRIC_PANELS; those that the table lacks are left out.

    Raises:
        ValueError: the table holds none of these metrics for band `all`.
    """
    values = {
        (metric, scene, method): value
        for metric, scene, method, band, value in _read_metrics(metrics_csv)
        if band == OVERALL and metric in metrics
    }
    if not values:
        raise ValueError(f"{metrics_csv} has no {', '.join(metrics)} of band {OVERALL}; evaluate the run again.")
    labels = scene_labels(scene for _, scene, _ in values)
    figure = _bar_panels(values, metrics, lambda scene: labels[scene].replace(" ", "\n"))
    save_png(figure, output_png)


def plot_band_metrics(
    metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metrics: Sequence[str] = BAND_METRICS
) -> None:
    """Draw metrics side by side: for each band, one bar a method; the mean over scenes where there are several.

    Arguments and errors as in `plot_metrics`.
    """
    found: dict[tuple[str, str, str], list[float]] = {}
    scenes = set()
    for metric, scene, method, band, value in _read_metrics(metrics_csv):
        if band != OVERALL and metric in metrics:
            found.setdefault((metric, band, method), []).append(value)
            scenes.add(scene)
    if not found:
        raise ValueError(f"{metrics_csv} has no {', '.join(metrics)} by band; evaluate the run again.")
    figure = _bar_panels({key: float(np.mean(values)) for key, values in found.items()}, metrics, str)
    if len(scenes) > 1:
        figure.supxlabel(f"mean of {len(scenes)} scenes", fontsize=9, color=INK, x=0.01, ha="left")
    save_png(figure, output_png)


def plot_comparison(
    truth: np.ndarray,
    estimates: Mapping[str, np.ndarray],
    output_png: str | os.PathLike[str],
    bands: Sequence[str],
    low_res: np.ndarray | None = None,
    end_titles: tuple[str, str] = ("input", "truth"),
) -> None:
    """Show images beside their truth with one stretch, and below them where they are wrong with one scale of errors.

    Args:
        truth: shape (rows, cols, bands), DN; a hundred pixels or two wide, so that single pixels can be seen. Pixels that
            are NaN are shown in grey and do not count.
        estimates: images of the same shape, by the name of the method.
        output_png: file to write.
        bands: names of the bands in their order; they decide which are shown in colour.
        low_res: shape (rows / s, cols / s, bands), what all were made from; None leaves it out.
        end_titles: of the low-resolution input and of the truth.
    """
    pictures = {end_titles[0]: low_res, **estimates, end_titles[1]: truth}
    pictures = {title: image for title, image in pictures.items() if image is not None}
    rows, cols = truth.shape[:2]
    cell_width = min(CELL_INCHES, COMPARISON_INCHES / len(pictures))
    size = (cell_width * len(pictures), 2 * (cell_width * rows / cols + 0.3) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(2, len(pictures))
    shown = _shown_bands(bands)
    for ax, title in zip(axes[0], pictures, strict=True):
        ax.set_title(wrapped(title), fontsize=11, color=INK)
    _draw_pictures(axes[0], list(pictures.values()), [list(bands).index(band) for band in shown])
    _draw_errors(axes[1, -len(estimates) - 1 :], truth, list(estimates.values()))
    for ax in axes.flat:
        ax.set_axis_off()
    colours = f"{', '.join(shown)} as red, green, blue" if len(shown) == 3 else f"{shown[0]} in grey"
    caption = f"{cols} x {rows} px. Above: {colours}. Below: |error|, mean of {len(bands)} bands, darker is better."
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=9, color=INK)
    save_png(figure, output_png)


def _read_metrics(metrics_csv: str | os.PathLike[str]) -> Iterator[tuple[str, str, str, str, float]]:
    """Metric, scene, method, band and value of each row, in the table's order."""
    with open(metrics_csv, newline="") as file:
        for row in csv.DictReader(file):
            yield row["metric"], row["scene"], row["method"], row["band"], float(row["value"])


def _bar_panels(
    values: Mapping[tuple[str, str, str], float], metrics: Sequence[str], label: Callable[[str], str]
) -> Figure:
    """A panel a metric, with bars for values by (metric, group, method); groups stand one below the other."""
    metrics = [metric for metric in metrics if any(key[0] == metric for key in values)]
    groups, methods = (list(dict.fromkeys(key[position] for key in values)) for position in (1, 2))
    height = 1.6 + 0.25 * len(groups) * (len(methods) + 1)
    figure = Figure(figsize=(2.5 * len(metrics) + 1.5, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        table = np.array([[values.get((metric, group, method), np.nan) for method in methods] for group in groups])
        _draw_bars(ax, metric, table, method_colours(methods))
    axes[0].set_yticks(range(len(groups)), [label(group) for group in groups])
    axes[0].invert_yaxis()
    legend_above(figure, axes[0].containers, methods)
    return figure


def _draw_bars(ax: Axes, metric: str, table: np.ndarray, colours: Sequence[str]) -> None:
    """Horizontal bars of a (scenes, methods) table, grouped by scene."""
    clean_axes(ax, grid="x")
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


def wrapped(name: str) -> str:
    """The name of a method in lines that fit above a picture."""
    return "\n".join(textwrap.wrap(name, TITLE_CHARACTERS))


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def method_colours(methods: Sequence[str]) -> list[str]:
    """Grey for interpolation, the next colour for each network."""
    networks = [method for method in methods if method not in BASELINE_COLOURS]
    colours = BASELINE_COLOURS | {name: NETWORK_COLOURS[i % len(NETWORK_COLOURS)] for i, name in enumerate(networks)}
    return [colours[method] for method in methods]


def _shown_bands(bands: Sequence[str]) -> tuple[str, ...]:
    return next((triple for triple in FALSE_COLOURS if set(triple) <= set(bands)), (bands[0],))


def _draw_pictures(axes: Sequence[Axes], pictures: Sequence[np.ndarray], channels: Sequence[int]) -> None:
    """Draw images of any GSD at one size, all stretched as the last one, the truth, needs it."""
    counting = pictures[-1][..., channels][np.isfinite(pictures[-1][..., channels]).all(axis=2)]
    low, high = np.percentile(counting, STRETCH_PERCENTILES, axis=0) if len(counting) else (0, 1)
    rows, cols = pictures[-1].shape[:2]
    for ax, image in zip(axes, pictures, strict=True):
        stretched = ((image[..., channels] - low) / np.maximum(np.subtract(high, low), 1)).clip(0, 1)
        stretched = np.where(np.isnan(stretched), NO_DATA_GREY, stretched)
        grey_or_colour = stretched if len(channels) == 3 else stretched[..., 0]
        ax.imshow(grey_or_colour, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, cols, rows, 0))


def _draw_errors(axes: Sequence[Axes], truth: np.ndarray, images: Sequence[np.ndarray]) -> None:
    """Draw an error map of each image, and in the last of the axes the colour bar that they share."""
    errors = [np.abs(image.astype(np.float64) - truth).mean(axis=-1) for image in images]
    counts = np.isfinite(errors[0])
    highest = max(np.percentile([error[counts] for error in errors], ERROR_PERCENTILE), 1.0) if counts.any() else 1.0
    colours = matplotlib.colormaps["inferno"].with_extremes(bad=(NO_DATA_GREY,) * 3)
    for ax, image, error in zip(axes, images, errors, strict=False):
        shown = ax.imshow(error, cmap=colours, vmin=0, vmax=highest, interpolation="nearest")
        ax.set_title(
            f"RMSE {rmse(truth[counts][None], image[counts][None]):.1f} DN" if counts.any() else "no data",
            fontsize=10,
            color=INK,
        )
    bar_axes = axes[-1].inset_axes((0.0, 0.03, 0.07, 0.94))
    bar = axes[-1].figure.colorbar(shown, cax=bar_axes, extend="max", label="|error| (DN)")
    bar.outline.set_visible(False)
