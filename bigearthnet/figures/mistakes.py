"""Pictures of the patches that a classifier gets most wrong. Saves one PNG and needs no display."""

import os
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bigearthnet.evaluation.mistakes import Mistake
from common.figures.style import BLUE, INK, VERMILION, save_png

STRETCH_PERCENTILES = (2, 98)
PATCHES_A_ROW = 4
FOUND_COLOUR, MISSED_COLOUR, WRONG_COLOUR = INK, VERMILION, BLUE
CAPTION_CHARACTERS, CAPTION_LINES = 42, 2  # of a line; of one class
LINE_INCHES, LINE_POINTS = 0.155, 11  # height of a line of the caption


def plot_mistakes(mistakes: Sequence[Mistake], output_png: str | os.PathLike[str]) -> None:
    """Show patches with wrong decisions, and below each the classes found, missed and wrongly predicted."""
    cols = min(PATCHES_A_ROW, len(mistakes))
    rows = -(-len(mistakes) // cols)
    captions = [caption(mistake) for mistake in mistakes]
    most_lines = max(len(lines) for lines in captions)
    figure = Figure(figsize=(3.0 * cols, (2.9 + LINE_INCHES * most_lines) * rows), layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, mistake, lines in zip(axes.flat, mistakes, captions, strict=False):
        ax.imshow(stretched(mistake.image), interpolation="nearest")
        for line, (text, colour) in enumerate(lines):
            _annotate(ax, line, text, fontsize=7.5, color=colour)
        _annotate(ax, most_lines, " ")  # so that the layout leaves room for the longest caption below every patch
    save_png(figure, output_png)


def stretched(image: np.ndarray) -> np.ndarray:
    """Return DN scaled to 0 .. 1, all bands alike, so that colours stay."""
    low, high = np.percentile(image, STRETCH_PERCENTILES)
    return ((image - low) / max(high - low, 1)).clip(0, 1)


def caption(mistake: Mistake) -> list[tuple[str, str]]:
    """Return the lines of text below a patch, each with its colour: the name of the patch, then its classes."""
    lines = [(mistake.name, INK)]
    for mark, names, colour in (
        ("found", mistake.found, FOUND_COLOUR),
        ("missed", mistake.missed, MISSED_COLOUR),
        ("wrong", mistake.wrong, WRONG_COLOUR),
    ):
        for name in names:
            wrapped = textwrap.wrap(
                f"{mark}: {name}",
                CAPTION_CHARACTERS,
                subsequent_indent="    ",
                max_lines=CAPTION_LINES,
                placeholder=" ...",
            )
            lines += [(text, colour) for text in wrapped]
    return lines


def _annotate(ax: Axes, line: int, text: str, **style: object) -> None:
    """Write a line of a caption below a patch."""
    ax.annotate(
        text,
        (0, 0),
        (0, -4 - LINE_POINTS * line),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        **style,
    )
