"""Pictures of the patches that a classifier gets most wrong."""

import os
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bigearthnet.evaluation.scores import Mistake
from common.figures.style import BLUE, INK, VERMILION, save_png

STRETCH_PERCENTILES = (2, 98)
COLUMNS_OF_PATCHES = 4


def plot_mistakes(mistakes: Sequence[Mistake], output_png: str | os.PathLike[str]) -> None:
    """Show patches that were got wrong, and beside each what was found, missed and wrongly found."""
    columns = min(COLUMNS_OF_PATCHES, len(mistakes))
    rows = -(-len(mistakes) // columns)
    captions = [_caption(mistake) for mistake in mistakes]
    lines = max(len(caption) for caption in captions)
    figure = Figure(figsize=(3.0 * columns, (2.9 + 0.155 * lines) * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, mistake, caption in zip(axes.flat, mistakes, captions, strict=False):
        ax.imshow(stretched(mistake.image), interpolation="nearest")
        for line, (text, colour) in enumerate(caption):
            ax.annotate(
                text,
                (0, 0),
                (0, -4 - 11 * line),
                xycoords="axes fraction",
                textcoords="offset points",
                va="top",
                fontsize=7.5,
                color=colour,
            )
        # Room for all captions, the longest's; annotations take none by themselves.
        ax.annotate(" ", (0, 0), (0, -4 - 11 * lines), xycoords="axes fraction", textcoords="offset points", va="top")
    save_png(figure, output_png)


def stretched(image: np.ndarray) -> np.ndarray:
    """DN -> 0 to 1, all bands by one stretch, so that colours stay."""
    low, high = np.percentile(image, STRETCH_PERCENTILES)
    return ((image - low) / max(high - low, 1)).clip(0, 1)


def _caption(mistake: Mistake) -> list[tuple[str, str]]:
    """Lines of text and their colours."""
    lines = [(mistake.name, INK)]
    for mark, names, colour in (
        ("found: ", mistake.right, INK),
        ("missed: ", mistake.missed, VERMILION),
        ("wrong: ", mistake.wrong, BLUE),
    ):
        for name in names:
            lines += [
                (text, colour)
                for text in textwrap.wrap(
                    f"{mark}{name}", 42, subsequent_indent="    ", max_lines=2, placeholder=" ..."
                )
            ]
    return lines
