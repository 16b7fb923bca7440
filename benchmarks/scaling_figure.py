"""The figure of the scaling study: efficiency, parts of a step, and averages as measured and as modelled.

Measured values are filled marks and bars, modelled ones dashed lines without marks, published ones hollow stars. In the
panel of the efficiency, measured circles are of weak scaling, measured squares of strong scaling; all else there is of weak scaling.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.measure import PARTS
from common.figures.style import BLUE, FAINT, GREEN, INK, METHOD_COLOURS, ORANGE, save_png

NAME_COLOURS = {"superres": BLUE, "bigearthnet": ORANGE}
STYLES = {  # kind and scaling, as in `efficiency.csv` -> how it is drawn
    ("measured", "weak"): {"marker": "o", "markersize": 10, "linestyle": "none"},
    ("measured", "strong"): {"marker": "s", "markersize": 6, "linestyle": "none", "markeredgecolor": "white"},
    ("modelled", "weak"): {"linestyle": "--"},
    ("published", "weak"): {"marker": "*", "markersize": 12, "linestyle": "none", "markerfacecolor": "white"},
}


def draw(efficiencies: Sequence[dict], steps: Sequence[dict], averages: Sequence[dict], output_png: Path) -> None:
    """Draw the figure; panels whose table is empty are left out.

    Args:
        efficiencies: rows of `efficiency.csv`.
        steps: rows of `steps.csv`.
        averages: rows of `network.csv`.
        output_png: the figure.
    """
    panels = [(draw_efficiency, efficiencies), (draw_parts, steps), (draw_averages, averages)]
    panels = [(draw_panel, rows) for draw_panel, rows in panels if rows]
    figure = Figure(figsize=(5.6 * len(panels), 4.8), layout="constrained")
    for (draw_panel, rows), ax in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        draw_panel(ax, rows)
    save_png(figure, output_png)


def draw_efficiency(ax: Axes, rows: Sequence[dict]) -> None:
    """Draw efficiency over the number of ranks."""
    curves: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for row in rows:
        key = (row["name"], row["kind"], row["scaling"])
        curves.setdefault(key, []).append((int(row["ranks"]), float(row["efficiency"])))
    for (name, kind, scaling), points in curves.items():
        colour = NAME_COLOURS.get(name, INK if "ResNet" in name else GREEN)
        label = f"{name}: {kind}, {scaling} scaling"
        ax.plot(*zip(*points, strict=True), color=colour, label=label, **STYLES[kind, scaling])
    top = max(1.1, 1.05 * max(float(row["efficiency"]) for row in rows))
    ax.set(xscale="log", xlabel="ranks", ylabel="efficiency", ylim=(0, top))
    ticks = [1, 4, 16, 64, 256, 1024, 4096]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(color=FAINT)
    ax.legend(loc="lower left", fontsize=9)


def draw_parts(ax: Axes, rows: Sequence[dict]) -> None:
    """Draw the parts of each measured step as shares of it."""
    names = [f"{row['application']}\n{row['scaling']}, {row['ranks']}" for row in rows]
    seconds = np.array([[float(row[f"{part}_s"]) for part in PARTS] for row in rows])
    shares = 100 * seconds / seconds.sum(axis=1, keepdims=True)
    left = np.zeros(len(rows))
    for part, share, colour in zip(PARTS, shares.T, METHOD_COLOURS[: len(PARTS)], strict=True):
        ax.barh(names, share, left=left, color=colour, label=part)
        left += share
    ax.invert_yaxis()
    ax.set(xlabel="measured time of a step, %", xlim=(0, 100))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=9, frameon=False)


def draw_averages(ax: Axes, rows: Sequence[dict]) -> None:
    """Draw modelled over measured seconds of averages, for settings that the model was fitted to and for others."""
    for use, label, colour in (("fit", "fitted", BLUE), ("test", "not seen by the fit", ORANGE)):
        for algorithm, marker in (("ring", "o"), ("tree", "^")):
            chosen = [row for row in rows if (row["use"], row["algorithm"]) == (use, algorithm)]
            if chosen:
                points = [(float(row["seconds"]), float(row["modelled_seconds"])) for row in chosen]
                style = {"color": colour, "markersize": 4, "label": f"{algorithm}, {label}"}
                ax.plot(*zip(*points, strict=True), marker, **style)
    ends = np.array([min(float(row["seconds"]) for row in rows), max(float(row["seconds"]) for row in rows)])
    ax.plot(ends, ends, color=INK, linewidth=1)
    ax.fill_between(ends, 0.9 * ends, 1.1 * ends, color=FAINT, label="within 10 %")
    ax.set(xscale="log", yscale="log", xlabel="measured seconds of an average", ylabel="modelled seconds")
    ax.legend(fontsize=9)
