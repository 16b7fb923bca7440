"""Style of the figures of both applications: colours, axes, legends, PNG files.

Figures need no display. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullLocator

from common.files.atomic import whole_file

DPI = 150
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
WINE, OLIVE, BROWN = "#882255", "#999933", "#7A4B1E"
METHOD_COLOURS = (
    BLUE,
    ORANGE,
    GREEN,
    PURPLE,
    VERMILION,
    SKY,
    WINE,
    OLIVE,
    BROWN,
)  # of the methods that a figure compares, in turn
INK, FAINT = "#333333", "#DDDDDD"
NUMBER = r"$\mathdefault"  # beginning of the numbers that matplotlib writes at a logarithmic axis
MANY_DECADES = 1000  # ratio of the ends of a logarithmic axis
CHARACTERS_PER_INCH = 9  # of a legend
LEGEND_HANDLE_CHARACTERS = 8  # room for the mark beside a label


def save_png(figure: Figure, output_png: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    show_dollars(figure)
    with whole_file(Path(output_png)) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def show_dollars(figure: Figure) -> None:
    """Show the dollar signs in names of runs and scenes. Matplotlib would read formulas between them, and fail if it cannot."""
    for ax in figure.axes:
        ax.get_xticklabels(), ax.get_yticklabels()  # labels get their texts here, otherwise not before they are drawn
    for text in figure.findobj(Text):
        if "$" in text.get_text() and not text.get_text().startswith(NUMBER):
            text.set_parse_math(False)


def legend_above(figure: Figure, handles: Sequence[object], labels: Sequence[str], title: str | None = None) -> None:
    """Draw a legend above all panels, in as many columns as fit."""
    width = CHARACTERS_PER_INCH * figure.get_figwidth()
    columns = int(width // (max(len(label) for label in labels) + LEGEND_HANDLE_CHARACTERS))
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=min(max(columns, 1), len(labels)),
        frameon=False,
        title=title,
        title_fontsize=11,
        alignment="left",
    )


def use_log_scale(ax: Axes, number_format: str) -> None:
    """Make the y axis logarithmic, with numbers at 1, 2 and 5 only, or at 1 only if it spans many decades."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < MANY_DECADES * low else (1,)))
    ax.yaxis.set_major_formatter(number_format)
    ax.yaxis.set_minor_locator(NullLocator())


def clean_axes(ax: Axes, grid: str) -> None:
    """Remove the upper and right frame, and draw faint grid lines along `grid`: x, y or both."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.grid(axis=grid, color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
