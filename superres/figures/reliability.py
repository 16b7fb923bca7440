"""The figure of an evaluation with --uncertainty, drawn from `reliability.csv`: expected errors against true ones."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures.style import INK, METHOD_COLOURS, clean_axes, legend_above, save_png
from common.runs.tables import read_rows
from superres.evaluation.output import RELIABILITY, RELIABILITY_FIGURE
from superres.evaluation.reliability.table import ReliabilityRow


def plot_reliability(folder: Path) -> None:
    """Draw the deciles of each band, of all scenes together: their errors, and the shares within the bounds.

    Args:
        folder: of the evaluation.

    Raises:
        RunFolderError: `reliability.csv` is damaged.
        OutputError: the PNG cannot be written.
    """
    rows = read_rows(folder / RELIABILITY, ReliabilityRow)
    deciles = [row for row in rows if row.scene == rows[-1].scene and row.decile]
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    errors, shares = figure.subplots(1, 2)
    bands = list(dict.fromkeys(row.band for row in deciles))
    for index, band in enumerate(bands):
        of_band = [row for row in deciles if row.band == band]
        _draw_band(errors, shares, of_band, METHOD_COLOURS[index % len(METHOD_COLOURS)])
    _finish(errors, "Absolute error by decile", "expected (DN)", "true (DN)")
    _finish(shares, "Errors within the bounds, share", "decile of the expected error", "")
    limits = errors.get_xlim()
    errors.axline((0, 0), slope=1, color=INK, linewidth=0.8, linestyle="--")
    errors.set_xlim(0, limits[1])
    errors.set_ylim(bottom=0)
    for level in (0.68, 0.95):
        shares.axhline(level, color=INK, linewidth=0.8, linestyle="--")
    shares.set_ylim(0.4, 1)
    legend_above(figure, *errors.get_legend_handles_labels())
    save_png(figure, folder / RELIABILITY_FIGURE)


def _draw_band(errors: Axes, shares: Axes, rows: list[ReliabilityRow], colour: str) -> None:
    style = {"color": colour, "marker": "o", "markersize": 3, "linewidth": 1.2}
    errors.plot([row.expected for row in rows], [row.found for row in rows], label=rows[0].band, **style)
    numbers = [row.decile for row in rows]
    for name in ("within_68", "within_95"):
        shares.plot(numbers, [getattr(row, name) for row in rows], **style)


def _finish(ax: Axes, title: str, x_label: str, y_label: str) -> None:
    clean_axes(ax, grid="both")
    ax.set_title(title, loc="left", fontsize=10, color=INK)
    ax.set_xlabel(x_label, fontsize=9)
    ax.set_ylabel(y_label, fontsize=9)
