"""The table of a comparison of networks: a line a network and seed as CSV, a line a network for people.

NumPy only; `superres/compare.py` fills it, `superres/figures/comparison.py` draws it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.runs.tables import markdown_table, read_rows, write_rows
from superres.evaluation.tables import ALL_METRICS, DECIMALS, FULL_SCALE_METRICS

# Metrics of the table, and whether lower is better.
LOWER_IS_BETTER = {"rmse": True, "sre": False, "ergas": True, "sam": True, "uiq": False}
LOWER_IS_BETTER |= {"consistency": True, "sharpness": False}
COLUMNS = {
    **{metric: (ALL_METRICS | FULL_SCALE_METRICS)[metric] for metric in LOWER_IS_BETTER},
    "parameters": "Parameters",
    "work_per_pixel": "Work a pixel",
    "pixels_per_second": "Pixels/s ↑",
}


class ComparedNetwork(NamedTuple):
    """A network, or interpolation, with what was measured of it; a line of `comparison.csv`.

    Attributes:
        method: its name in the tables of evaluation.
        label: what runs of one network that differ in their seeds alone have in common.
        seed: that it was trained with; None where it was not trained here.
        degradation: of what it was measured on.
        scenes: number of scenes that the metrics are means over.
        rmse, sre, ergas, sam, uiq: at reduced scale, over all bands; DN, dB, -, degrees, -.
        consistency, sharpness: at full scale, over all bands; DN, -. See `superres/evaluation/full_scale.py`.
        parameters, work_per_pixel, pixels_per_second: None for interpolation. Work: multiplications per 10 m pixel, as
            `superres/evaluation/cost.py` counts them; speed: 10 m pixels of the result.
    """

    method: str
    label: str
    seed: int | None
    degradation: str
    scenes: int
    rmse: float
    sre: float
    ergas: float
    sam: float
    uiq: float
    consistency: float
    sharpness: float
    parameters: int | None
    work_per_pixel: float | None
    pixels_per_second: float | None


def write_comparison(path: Path, networks: Sequence[ComparedNetwork]) -> None:
    """Write `comparison.csv`; an empty cell is None."""
    write_rows(path, networks, ComparedNetwork._fields)


def read_comparison(path: Path) -> list[ComparedNetwork]:
    """What `write_comparison` wrote."""
    return read_rows(path, ComparedNetwork)


def by_label(networks: Sequence[ComparedNetwork]) -> Mapping[str, list[ComparedNetwork]]:
    """The lines of each label, which stand for its seeds."""
    labels = dict.fromkeys(network.label for network in networks)
    return {label: [network for network in networks if network.label == label] for label in labels}


def column(networks: Sequence[ComparedNetwork], name: str) -> np.ndarray:
    """The values of a column, float64; NaN for None."""
    return np.array(
        [np.nan if getattr(network, name) is None else getattr(network, name) for network in networks], float
    )


def comparison_table(networks: Sequence[ComparedNetwork]) -> str:
    """Markdown: a line a label; where it has several seeds, mean ± standard deviation (n - 1)."""
    return markdown_table(
        ["Network", "Seeds", *COLUMNS.values()],
        [
            [
                label,
                str(len(lines)) if lines[0].seed is not None else "",
                *(_cell(column(lines, name), name) for name in COLUMNS),
            ]
            for label, lines in by_label(networks).items()
        ],
    )


def _cell(values: np.ndarray, name: str) -> str:
    if np.isnan(values).all():
        return ""
    if name not in LOWER_IS_BETTER:
        return f"{values.mean():,.0f}"
    decimals = DECIMALS.get(name, 2)
    spread = f" ± {values.std(ddof=1):.{decimals}f}" if len(values) > 1 else ""
    return f"{values.mean():.{decimals}f}{spread}"
