"""The figure of errors by brightness, drawn from `reflectance.csv`: RMSE of each variant, and its ratio to the reference."""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from common.figures.style import INK, VERMILION, clean_axes, legend_above, save_png, use_log_scale
from common.runs.tables import read_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.pixel_groups import QUANTILES
from superres.figures.style import method_colours

EDGES = (0.0, *QUANTILES, 1.0)


def plot_errors_by_brightness(
    reflectance_csv: str | os.PathLike[str],
    labels: Mapping[str, str],
    output_png: str | os.PathLike[str],
    notice: str = "",
) -> None:
    """Draw the RMSE in each group of reflectance, means over bands, scenes and seeds; and its ratio to the first label's.

    Args:
        reflectance_csv: from an evaluation.
        labels: method in the table -> label; methods of one label are runs with other seeds. The first is the reference.
        output_png: file to write.
        notice: a line below both panels.

    Raises:
        RunFolderError: the table is missing or damaged.
        OutputError: the PNG cannot be written.
    """
    curves = curves_by_label(read_rows(reflectance_csv, ReflectanceRow), labels)
    reference = next(iter(curves.values()))
    figure = Figure(figsize=(9, 4.2 + (0.3 if notice else 0)), layout="constrained")
    axes = figure.subplots(1, 2)
    positions = np.arange(len(EDGES) - 1)
    for label, colour in zip(curves, method_colours(list(curves)), strict=True):
        for ax, values in zip(axes, (curves[label], curves[label] / reference), strict=True):
            ax.plot(positions, values, color=colour, marker="o", markersize=3, label=label)
    for ax, title in zip(axes, ("RMSE (DN)", "RMSE, reference = 1"), strict=True):
        clean_axes(ax, grid="both")
        ax.set_title(title, loc="left", fontsize=11, color=INK)
        ax.set_xlabel("Pixels from dark to bright, % of a band", fontsize=9)
        ax.set_xticks(positions, [f"{100 * low:g}-{100 * high:g}" for low, high in bins()], rotation=60, fontsize=8)
    use_log_scale(axes[0], "{x:g}")
    legend_above(figure, *axes[0].get_legend_handles_labels())
    if notice:
        figure.supxlabel(notice, fontsize=9, color=VERMILION, x=0.01, ha="left")
    save_png(figure, output_png)


def curves_by_label(rows: Sequence[ReflectanceRow], labels: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return label -> RMSE in each group, root of the mean square over bands, scenes and seeds; NaN without pixels."""
    lowest = {low: index for index, (low, _) in enumerate(bins())}
    squares: dict[str, list[list[float]]] = {label: [[] for _ in lowest] for label in labels.values()}
    for row in rows:
        if row.method in labels:
            squares[labels[row.method]][lowest[row.above]].append(row.rmse**2)
    return {
        label: np.array([np.sqrt(np.mean(values)) if values else np.nan for values in groups])
        for label, groups in squares.items()
    }


def bins() -> list[tuple[float, float]]:
    """Return the lower and upper end of each group, as shares of a band's pixels."""
    return list(pairwise(EDGES))
