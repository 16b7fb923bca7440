"""Figures of classification, drawn from tables and arrays: learning curve, scores by class, precision and recall,
co-occurrence of classes, patches that were got wrong.

Each function saves one PNG and needs no display. Labels are (N, C) of 0 and 1, probabilities (N, C).
"""

import os
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn import metrics

from bigearthnet.evaluation.tables import classes_by_support, read_metrics
from common.figures.bars import draw_bars
from common.figures.style import INK, METHOD_COLOURS, clean_axes, legend_above, save_png

LABEL_CHARACTERS = 44  # of a class's name in a line
SHORT_CHARACTERS = 26
CURVE_POINTS = 2000  # all test patches of the archive would give millions


def plot_class_scores(
    metrics_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metric: str = "f1"
) -> None:
    """Draw a score by class, a bar a method, the most frequent class on top; no bar where there is nothing to find.

    Args:
        metrics_csv: as `bigearthnet.results.write_metrics` wrote it.
        output_png: file to write.
        metric: one that the table holds by class.

    Raises:
        ValueError: the table holds no such metric by class.
    """
    rows = read_metrics(metrics_csv)
    values = {(row.name, row.method): row.value for row in rows if row.metric == metric}
    classes, methods = classes_by_support(rows), list(dict.fromkeys(row.method for row in rows))
    if not values or not classes:
        raise ValueError(f"{metrics_csv} has no {metric} by class; evaluate the run again.")
    figure = Figure(figsize=(8.5, 1.2 + len(classes) * (0.2 + 0.17 * len(methods))), layout="constrained")
    ax = figure.subplots()
    # Scores of a class that no patch holds are 0 by convention, and say nothing.
    table = [
        [values.get((name, method), np.nan) if classes[name] else np.nan for method in methods] for name in classes
    ]
    colours = [METHOD_COLOURS[index % len(METHOD_COLOURS)] for index in range(len(methods))]
    draw_bars(ax, np.array(table), colours, "{:.2f}".format)
    ax.set_yticks(range(len(classes)), [f"{one_line(name)} ({count})" for name, count in classes.items()])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.08)
    ax.set_xlabel(f"{metric.upper()}, higher is better; in brackets: patches that hold the class")
    legend_above(figure, ax.containers, methods)
    save_png(figure, output_png)


def plot_precision_recall(
    labels: np.ndarray, probabilities: Mapping[str, np.ndarray], output_png: str | os.PathLike[str]
) -> None:
    """Draw precision over recall, a panel a method: all decisions together, and faintly each class.

    Args:
        labels: (N, C), at least one of them 1.
        probabilities: method -> (N, C).
        output_png: file to write.
    """
    count = len(probabilities)
    figure = Figure(figsize=(4.2 * count + 0.4, 5.0), layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for ax, (method, found), colour in zip(axes, probabilities.items(), METHOD_COLOURS * count, strict=False):
        clean_axes(ax, grid="both")
        faint = [
            ax.step(
                *_recall_precision(labels[:, index], found[:, index]), where="post", color="#AAAAAA", linewidth=0.8
            )[0]
            for index in np.flatnonzero(labels.any(axis=0))
        ]
        bold = ax.step(*_recall_precision(labels.ravel(), found.ravel()), where="post", color=colour, linewidth=2.2)
        average = metrics.average_precision_score(labels.ravel(), found.ravel())
        ax.set_title(method, loc="left", fontsize=11, color=INK)
        ax.legend(
            [bold[0], faint[0]],
            [f"all classes together, AP {average:.3f}", f"each of {len(faint)} classes"],
            loc="upper left",
            bbox_to_anchor=(0, -0.14),
            frameon=False,
            fontsize=8,
        )
        ax.set(xlabel="Recall", xlim=(0, 1.02), ylim=(0, 1.04))
    axes[0].set_ylabel("Precision")
    save_png(figure, output_png)


def plot_cooccurrence(labels: np.ndarray, class_names: Sequence[str], output_png: str | os.PathLike[str]) -> None:
    """Draw which share of the patches of one class (row) hold another (column), for classes that occur.

    Args:
        labels: (N, C), at least one of them 1.
        class_names: C names.
        output_png: file to write.
    """
    labels = np.asarray(labels).astype(np.int64)
    counts = labels.sum(axis=0)
    order = [index for index in np.argsort(-counts, kind="stable") if counts[index]]
    share = (labels.T @ labels)[np.ix_(order, order)] / counts[order][:, None]
    size = 0.36 * len(order)
    figure = Figure(figsize=(size + 6.6, size + 3.2), layout="constrained")
    ax = figure.subplots()
    shown = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ax.set_yticks(
        range(len(order)), [f"{one_line(class_names[index])} ({counts[index]})" for index in order], fontsize=8
    )
    ax.set_xticks(
        range(len(order)),
        [one_line(class_names[index], SHORT_CHARACTERS) for index in order],
        fontsize=8,
        rotation=60,
        ha="right",
        rotation_mode="anchor",
    )
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    if len(order) <= 20:
        for row, col in np.ndindex(share.shape):
            if share[row, col] >= 0.005:
                ax.text(
                    col,
                    row,
                    f"{100 * share[row, col]:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if share[row, col] > 0.55 else INK,
                )
    bar = figure.colorbar(
        shown, ax=ax, shrink=0.6, label="Share of the row's patches (%)", format=lambda value, _: f"{100 * value:.0f}"
    )
    bar.outline.set_visible(False)
    save_png(figure, output_png)


def one_line(name: str, characters: int = LABEL_CHARACTERS) -> str:
    """A class's name, cut where it is too long."""
    return textwrap.shorten(name, characters, placeholder=" ...")


def _recall_precision(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve in at most CURVE_POINTS points, from recall 1 to 0: as average precision takes it, to the right of each."""
    precision, recall, _ = metrics.precision_recall_curve(truth, scores)
    precision[-1] = precision[-2]  # scikit-learn ends at precision 1, which no decision reaches
    kept = np.linspace(0, len(recall) - 1, min(len(recall), CURVE_POINTS)).astype(int)
    return recall[kept], precision[kept]
