"""Figures of a comparison of networks, from `comparison.csv`; in the style of `superres/figures/style.py`."""

import os
from pathlib import Path

from matplotlib.figure import Figure

from common.figures.style import INK, clean_axes, legend_above, save_png
from superres.evaluation.comparison import ComparedNetwork, by_label, column, read_comparison
from superres.figures.metrics import METRIC_PANELS
from superres.figures.style import MARKERS, method_colours

SHOWN = ("rmse", "sam", "sharpness")


def plot_comparison_table(
    comparison_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metrics: tuple[str, ...] = SHOWN
) -> None:
    """Draw metrics against the work that they cost: a colour a network, a marker an upsampling, faint ones for each seed.

    Interpolation, which has no work to speak of, is a dashed line.

    Args:
        comparison_csv: as `superres/compare.py` writes it.
        output_png: file to write.
        metrics: which columns, a panel each.
    """
    groups = by_label(read_comparison(Path(comparison_csv)))
    networks = {label: lines for label, lines in groups.items() if lines[0].work_per_pixel is not None}
    colours, markers = styles(list(groups))
    figure = Figure(figsize=(3.6 * len(metrics), 4.2), layout="constrained")
    for ax, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        clean_axes(ax, grid="both")
        for label, colour, marker in zip(groups, colours, markers, strict=True):
            if label not in networks:
                ax.axhline(column(groups[label], metric).mean(), color=colour, linestyle="--", label=label)
                continue
            work, values = column(networks[label], "work_per_pixel") / 1e6, column(networks[label], metric)
            ax.plot(work, values, linestyle="none", marker=marker, color=colour, alpha=0.35, markersize=4)
            ax.plot(
                work[:1],
                [values.mean()],
                linestyle="none",
                marker=marker,
                color=colour,
                label=_described(networks[label]),
            )
        ax.set_xscale("log")
        ax.set_xlabel("Million multiplications a pixel", fontsize=9)
        title, direction = METRIC_PANELS[metric]
        ax.set_title(f"{title}, {direction}", loc="left", fontsize=10, color=INK)
    legend_above(figure, *ax.get_legend_handles_labels())
    save_png(figure, output_png)


def styles(labels: list[str]) -> tuple[list[str], list[str]]:
    """Colours by what stands before the comma of a label, markers by what stands behind it."""
    names, upsamplings = zip(*(label.partition(", ")[::2] for label in labels), strict=True)
    colour_of = dict(zip(dict.fromkeys(names), method_colours(list(dict.fromkeys(names))), strict=True))
    numbers = {upsampling: number for number, upsampling in enumerate(dict.fromkeys(upsamplings))}
    return [colour_of[name] for name in names], [MARKERS[numbers[one] % len(MARKERS)] for one in upsamplings]


def _described(lines: list[ComparedNetwork]) -> str:
    return lines[0].label if len(lines) == 1 else f"{lines[0].label}, {len(lines)} seeds"
