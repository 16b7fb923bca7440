"""The figure of a comparison of networks, drawn from `comparison.csv`."""

import os
from pathlib import Path

from matplotlib.figure import Figure

from common.figures.style import INK, clean_axes, legend_above, save_png
from common.metrics.descriptions import DESCRIPTIONS
from superres.evaluation.comparison import ComparedNetwork, by_label, column, read_comparison
from superres.figures.style import MARKERS, method_colours

SHOWN_METRICS = ("rmse", "sam", "sharpness")


def plot_comparison_table(
    comparison_csv: str | os.PathLike[str], output_png: str | os.PathLike[str], metrics: tuple[str, ...] = SHOWN_METRICS
) -> None:
    """Draw metrics against multiplications per pixel.

    Each network has a colour and each upsampling a marker. Faint markers are single seeds, the full marker is their mean.
    Interpolation is a dashed line because it needs no network.

    Args:
        comparison_csv: from `superres/compare.py`.
        output_png: file to write.
        metrics: columns to draw, one panel each.

    Raises:
        OutputError: the PNG cannot be written.
    """
    groups = by_label(read_comparison(Path(comparison_csv)))
    networks = {label: lines for label, lines in groups.items() if lines[0].work_per_pixel is not None}
    colours, markers = colours_and_markers(list(groups))
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
                label=_legend_label(networks[label]),
            )
        ax.set_xscale("log")
        ax.set_xlabel("Million multiplications per pixel", fontsize=9)
        title = f"{DESCRIPTIONS[metric].title_and_unit}, {DESCRIPTIONS[metric].direction}"
        ax.set_title(title, loc="left", fontsize=10, color=INK)
    legend_above(figure, *ax.get_legend_handles_labels())
    save_png(figure, output_png)


def colours_and_markers(labels: list[str]) -> tuple[list[str], list[str]]:
    """Return a colour and a marker for each label: the colour of its network, the marker of its upsampling.

    Args:
        labels: such as `dsen2, bilinear`; network and upsampling, or a name alone.
    """
    names, upsamplings = zip(*(label.partition(", ")[::2] for label in labels), strict=True)
    distinct_names, distinct_upsamplings = list(dict.fromkeys(names)), list(dict.fromkeys(upsamplings))
    colour_of = dict(zip(distinct_names, method_colours(distinct_names), strict=True))
    marker_of = {upsampling: MARKERS[index % len(MARKERS)] for index, upsampling in enumerate(distinct_upsamplings)}
    return [colour_of[name] for name in names], [marker_of[upsampling] for upsampling in upsamplings]


def _legend_label(lines: list[ComparedNetwork]) -> str:
    return lines[0].label if len(lines) == 1 else f"{lines[0].label}, {len(lines)} seeds"
