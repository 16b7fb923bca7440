"""Curves of precision over recall. Saves one PNG and needs no display."""

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics

from common.figures.style import INK, METHOD_COLOURS, clean_axes, save_png

CLASS_COLOUR, CLASS_WIDTH = "#AAAAAA", 0.8
POOLED_WIDTH = 2.2
CURVE_POINTS = 2000  # at most; the test patches of the whole archive have millions


def plot_precision_recall(
    labels: np.ndarray, probabilities: Mapping[str, np.ndarray], output_png: str | os.PathLike[str]
) -> None:
    """Draw precision over recall, a panel for each method: all decisions together, and each class in grey.

    Args:
        labels: (N, C) of 0 and 1, at least one of them 1.
        probabilities: method -> (N, C).
        output_png: file to write.
    """
    count = len(probabilities)
    figure = Figure(figsize=(4.2 * count + 0.4, 5.0), layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for index, (ax, (method, values)) in enumerate(zip(axes, probabilities.items(), strict=True)):
        _draw_method(ax, labels, values, METHOD_COLOURS[index % len(METHOD_COLOURS)])
        ax.set_title(method, loc="left", fontsize=11, color=INK)
    axes[0].set_ylabel("Precision")
    save_png(figure, output_png)


def _draw_method(ax: Axes, labels: np.ndarray, probabilities: np.ndarray, colour: str) -> None:
    """Draw the curves of one method, and their legend."""
    clean_axes(ax, grid="both")
    of_classes = [
        _draw_curve(ax, labels[:, index], probabilities[:, index], CLASS_COLOUR, CLASS_WIDTH)
        for index in np.flatnonzero(labels.any(axis=0))
    ]
    pooled = _draw_curve(ax, labels.ravel(), probabilities.ravel(), colour, POOLED_WIDTH)
    average = metrics.average_precision_score(labels.ravel(), probabilities.ravel())
    ax.legend(
        [pooled, of_classes[0]],
        [f"all classes together, AP {average:.3f}", f"each of {len(of_classes)} classes"],
        loc="upper left",
        bbox_to_anchor=(0, -0.14),
        frameon=False,
        fontsize=8,
    )
    ax.set(xlabel="Recall", xlim=(0, 1.02), ylim=(0, 1.04))


def _draw_curve(ax: Axes, labels: np.ndarray, probabilities: np.ndarray, colour: str, width: float) -> object:
    recall, precision = recall_precision(labels, probabilities)
    return ax.step(recall, precision, where="post", color=colour, linewidth=width)[0]


def recall_precision(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision at up to CURVE_POINTS thresholds, from recall 1 to recall 0.

    Between two points the precision is that of the first, as in average precision.

    Args:
        labels: (N,) of 0 and 1.
        probabilities: (N,).
    """
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    precision[-1] = precision[-2]  # scikit-learn ends at precision 1, which no decision reaches
    kept = np.linspace(0, len(recall) - 1, min(len(recall), CURVE_POINTS)).astype(int)
    return recall[kept], precision[kept]
