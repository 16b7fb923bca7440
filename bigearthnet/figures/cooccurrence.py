"""Which classes occur together, as a matrix. Saves one PNG and needs no display."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bigearthnet.figures.labels import SHORT_CHARACTERS, counted_label, short_label
from common.figures.style import INK, save_png

COLOUR_MAP = "Blues"
DARK_SHARE = 0.55  # numbers on darker cells are white
LEAST_SHARE = 0.005  # smaller shares have no number
MOST_NUMBERED_CLASSES = 20  # with more classes the numbers are too small to read


def plot_cooccurrence(labels: np.ndarray, class_names: Sequence[str], output_png: str | os.PathLike[str]) -> None:
    """Draw the share of the patches of one class (row) that also hold another (column), for classes that occur.

    Args:
        labels: (N, C) of 0 and 1, at least one of them 1.
        class_names: C names.
        output_png: file to write.
    """
    counts = np.asarray(labels).astype(np.int64).sum(axis=0)
    order = [index for index in np.argsort(-counts, kind="stable") if counts[index]]
    share = cooccurrence(labels)[np.ix_(order, order)]
    size = 0.36 * len(order)
    figure = Figure(figsize=(size + 6.6, size + 3.2), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(share, cmap=COLOUR_MAP, vmin=0, vmax=1)
    ax.set_yticks(range(len(order)), [counted_label(class_names[index], counts[index]) for index in order], fontsize=8)
    ax.set_xticks(
        range(len(order)),
        [short_label(class_names[index], SHORT_CHARACTERS) for index in order],
        fontsize=8,
        rotation=60,
        ha="right",
        rotation_mode="anchor",
    )
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    if len(order) <= MOST_NUMBERED_CLASSES:
        _write_numbers(ax, share)
    bar = figure.colorbar(
        image, ax=ax, shrink=0.6, label="Share of the row's patches (%)", format=lambda value, _: f"{100 * value:.0f}"
    )
    bar.outline.set_visible(False)
    save_png(figure, output_png)


def cooccurrence(labels: np.ndarray) -> np.ndarray:
    """Return the share of the patches of one class (row) that also hold another (column).

    Args:
        labels: (N, C) of 0 and 1.

    Returns:
        Shape (C, C), 0 to 1; NaN in the rows of classes that no patch holds.
    """
    labels = np.asarray(labels).astype(np.int64)
    counts = labels.sum(axis=0)[:, None]
    return np.divide(labels.T @ labels, counts, out=np.full((len(counts), len(counts)), np.nan), where=counts > 0)


def _write_numbers(ax: Axes, share: np.ndarray) -> None:
    """Write the percentage into each cell."""
    for row, col in np.argwhere(share >= LEAST_SHARE):
        colour = "white" if share[row, col] > DARK_SHARE else INK
        ax.text(col, row, f"{100 * share[row, col]:.0f}", ha="center", va="center", fontsize=7, color=colour)
