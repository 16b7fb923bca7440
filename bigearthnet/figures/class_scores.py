"""Scores by class as bars. Saves one PNG and needs no display."""

import os

import numpy as np
from matplotlib.figure import Figure

from bigearthnet.evaluation.tables import classes_by_support, read_metrics
from bigearthnet.figures.labels import counted_label
from common.figures.bars import draw_bars
from common.figures.style import METHOD_COLOURS, legend_above, save_png


def plot_class_scores(
    metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metric: str = "f1"
) -> None:
    """Draw a score for each class: a bar for each method, the most frequent class at the top.

    A class that no patch holds has no bar: its scores are 0 by convention.

    Args:
        metrics_csv: as `bigearthnet.evaluation.tables.write_metrics` wrote it.
        output_png: file to write.
        metric: one that the table has for each class.

    Raises:
        ValueError: the table does not have the metric for any class.
    """
    rows = read_metrics(metrics_csv)
    values = {(row.name, row.method): row.value for row in rows if row.metric == metric}
    support, methods = classes_by_support(rows), list(dict.fromkeys(row.method for row in rows))
    if not values or not support:
        raise ValueError(f"{metrics_csv} has no {metric} by class; evaluate the run again.")
    figure = Figure(figsize=(8.5, 1.2 + len(support) * (0.2 + 0.17 * len(methods))), layout="constrained")
    ax = figure.subplots()
    table = [
        [values.get((name, method), np.nan) if patches else np.nan for method in methods]
        for name, patches in support.items()
    ]
    colours = [METHOD_COLOURS[index % len(METHOD_COLOURS)] for index in range(len(methods))]
    draw_bars(ax, np.array(table), colours, "{:.2f}".format)
    ax.set_yticks(range(len(support)), [counted_label(name, patches) for name, patches in support.items()])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.08)
    ax.set_xlabel(f"{metric.upper()}, higher is better; in brackets: patches that hold the class")
    legend_above(figure, ax.containers, methods)
    save_png(figure, output_png)
