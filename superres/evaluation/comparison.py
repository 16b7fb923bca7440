"""The table of a comparison of networks: a line a network and seed as CSV, a line a network for people.

`superres/compare.py` fills it, `superres/figures/comparison.py` draws it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.metrics.fusion import OVERALL
from common.runs.tables import markdown_table, read_rows, write_rows
from superres.evaluation.cost import multiplications_per_pixel, pixels_per_second
from superres.evaluation.methods import find_networks
from superres.evaluation.output import METRICS
from superres.evaluation.tables import ALL_METRICS, DECIMALS, FULL_SCALE_METRICS, MetricRow, read_metrics
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.prediction.interpolation import INTERPOLATIONS
from superres.training.config import SuperresConfig

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


def compared_networks(
    folder: Path, sources: Sequence[str], labels: Mapping[str, tuple[str, int]], config: SuperresConfig
) -> list[ComparedNetwork]:
    """Return interpolation and networks with their metrics and costs.

    Args:
        folder: an evaluation's.
        sources: the networks that were evaluated, as `find_networks` takes them.
        labels: source -> label and seed, of the networks that were trained here.
        config: settings that all networks share.

    Raises:
        WeightsError, RunFolderError: as `find_networks`.
    """
    rows = read_metrics(folder / METRICS)
    networks = [_measured(name, name, None, None, config, rows) for name in INTERPOLATIONS]
    for name, trained in find_networks(WeightsOptions(tuple(sources)), config.gsd)[0].items():
        label, seed = labels.get(trained.source, (trained.source, None))
        networks.append(_measured(name, label, seed, trained, config, rows))
    return networks


def _measured(
    method: str,
    label: str,
    seed: int | None,
    trained: TrainedNetwork | None,
    config: SuperresConfig,
    rows: Sequence[MetricRow],
) -> ComparedNetwork:
    """Return a line of the table, from the rows of the evaluation and from the network itself."""
    overall = [row for row in rows if row.method == method and row.band == OVERALL]
    means = {
        metric: float(np.mean([row.value for row in overall if row.metric == metric])) for metric in LOWER_IS_BETTER
    }
    model = trained.build(config.precision) if trained else None
    return ComparedNetwork(
        method=method,
        label=label,
        seed=seed,
        degradation=config.degradation,
        scenes=len({row.scene for row in overall}),
        **means,
        parameters=model.count_params() if model else None,
        work_per_pixel=multiplications_per_pixel(model) if model else None,
        pixels_per_second=pixels_per_second(model) if model else None,
    )


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
