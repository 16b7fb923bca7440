"""Bars of the metrics of several methods, overall and by band."""

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from common.figures.bars import draw_bars
from common.figures.style import INK, legend_above, save_png
from common.metrics.fusion import OVERALL
from superres.evaluation.tables import read_metrics, scene_labels
from superres.figures.style import method_colours

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
        (row.metric, row.scene, row.method): row.value
        for row in read_metrics(metrics_csv)
        if row.band == OVERALL and row.metric in metrics
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
    for row in read_metrics(metrics_csv):
        if row.band != OVERALL and row.metric in metrics:
            found.setdefault((row.metric, row.band, row.method), []).append(row.value)
            scenes.add(row.scene)
    if not found:
        raise ValueError(f"{metrics_csv} has no {', '.join(metrics)} by band; evaluate the run again.")
    figure = _bar_panels({key: float(np.mean(values)) for key, values in found.items()}, metrics, str)
    if len(scenes) > 1:
        figure.supxlabel(f"mean of {len(scenes)} scenes", fontsize=9, color=INK, x=0.01, ha="left")
    save_png(figure, output_png)


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
        draw_bars(ax, table, method_colours(methods), _number)
        title, direction = METRIC_PANELS[metric]
        ax.set_title(title, loc="left", fontsize=11, color=INK)
        ax.set_xlabel(direction, fontsize=9)
        ax.margins(x=0.25)  # room for the numbers
    axes[0].set_yticks(range(len(groups)), [label(group) for group in groups])
    axes[0].invert_yaxis()
    legend_above(figure, axes[0].containers, methods)
    return figure


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
