"""Bars of the metrics of several methods, overall and by band, drawn from `metrics.csv`."""

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from common.figures.bars import draw_bars
from common.figures.style import INK, legend_above, save_png
from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.fusion import OVERALL
from superres.evaluation.tables import read_metrics, scene_labels
from superres.figures.style import method_colours

MAIN_METRICS = ("rmse", "sre", "ergas", "sam")
FULL_SCALE_PANELS = ("consistency", "sharpness", "correlation", "hqnr")
BAND_METRICS = ("rmse", "sre", "uiq")


def plot_metrics(
    metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metrics: Sequence[str] = MAIN_METRICS
) -> None:
    """Draw the overall value of each metric in a panel, with a bar for each scene and method.

    Args:
        metrics_csv: from `superres.evaluation.tables.write_metrics`; the rows of band `all` are drawn.
        output_png: file to write.
        metrics: keys of DESCRIPTIONS; a metric that the table lacks is left out.

    Raises:
        ValueError: the table has none of these metrics for band `all`.
        OutputError: the PNG cannot be written.
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
    """Draw each metric in a panel, with a bar for each band and method: the mean over scenes.

    Arguments and errors as in `plot_metrics`, for the rows of single bands.
    """
    scene_values: dict[tuple[str, str, str], list[float]] = {}
    scenes = set()
    for row in read_metrics(metrics_csv):
        if row.band != OVERALL and row.metric in metrics:
            scene_values.setdefault((row.metric, row.band, row.method), []).append(row.value)
            scenes.add(row.scene)
    if not scene_values:
        raise ValueError(f"{metrics_csv} has no {', '.join(metrics)} by band; evaluate the run again.")
    means = {key: float(np.mean(values)) for key, values in scene_values.items()}
    figure = _bar_panels(means, metrics, str)
    if len(scenes) > 1:
        figure.supxlabel(f"mean of {len(scenes)} scenes", fontsize=9, color=INK, x=0.01, ha="left")
    save_png(figure, output_png)


def _bar_panels(
    values: Mapping[tuple[str, str, str], float], metrics: Sequence[str], label: Callable[[str], str]
) -> Figure:
    """Return a figure with a panel for each metric, and in it a group of bars for each scene or band.

    Args:
        values: (metric, group, method) -> value, where the group is a scene or a band.
        metrics: keys of DESCRIPTIONS, in the order of the panels.
        label: group -> its label.
    """
    metrics = [metric for metric in metrics if any(key[0] == metric for key in values)]
    groups, methods = (list(dict.fromkeys(key[position] for key in values)) for position in (1, 2))
    height = 1.6 + 0.25 * len(groups) * (len(methods) + 1)
    figure = Figure(figsize=(2.5 * len(metrics) + 1.5, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        table = np.array([[values.get((metric, group, method), np.nan) for method in methods] for group in groups])
        draw_bars(ax, table, method_colours(methods), _value_label)
        ax.set_title(DESCRIPTIONS[metric].title_and_unit, loc="left", fontsize=11, color=INK)
        ax.set_xlabel(DESCRIPTIONS[metric].direction, fontsize=9)
        ax.margins(x=0.25)  # room for the values beside the bars
    axes[0].set_yticks(range(len(groups)), [label(group) for group in groups])
    axes[0].invert_yaxis()
    legend_above(figure, axes[0].containers, methods)
    return figure


def _value_label(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
