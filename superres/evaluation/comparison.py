"""The table of a comparison: `comparison.csv`, with a line for each network and seed.

`superres/compare.py` writes it, `superres/figures/comparison.py` draws it, `superres/studies/comparison_report.py` shows it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.fusion import OVERALL
from common.runs.tables import read_rows, write_rows
from superres.evaluation.cost import multiplications_per_pixel, pixels_per_second
from superres.evaluation.output import METRICS
from superres.evaluation.plan import find_networks
from superres.evaluation.tables import MetricRow, read_metrics
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.prediction.interpolation import INTERPOLATIONS
from superres.training.config import SuperresConfig

# Metrics of the table, and whether lower values are better.
LOWER_IS_BETTER = {
    metric: DESCRIPTIONS[metric].lower_is_better
    for metric in ("rmse", "sre", "ergas", "sam", "uiq", "consistency", "sharpness")
}


class ComparedNetwork(NamedTuple):
    """One line of `comparison.csv`: quality and cost of a network, or quality of another method.

    Attributes:
        method: name of the method in `metrics.csv`.
        label: name of the group of runs that differ only in their seeds.
        seed: seed of the training; None if the comparison did not train the network.
        degradation: of the test scenes.
        scenes: number of test scenes; all metrics are means over them.
        rmse, sre, ergas, sam, uiq: at reduced scale, over all bands; in DN, dB, 1, degrees, 1.
        consistency, sharpness: at full scale, over all bands; in DN, 1. See `superres/evaluation/full_scale.py`.
        parameters: number of weights; None for other methods.
        work_per_pixel: multiplications for a 10 m pixel, see `superres/evaluation/cost.py`; None for other methods.
        pixels_per_second: 10 m pixels of the result computed in a second; None for other methods.
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
    """Write `comparison.csv`, a column for each field of ComparedNetwork; None becomes an empty cell.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, networks, ComparedNetwork._fields)


def read_comparison(path: Path) -> list[ComparedNetwork]:
    """Read a file that `write_comparison` wrote.

    Raises:
        RunFolderError: as `common.runs.tables.read_rows`.
    """
    return read_rows(path, ComparedNetwork)


def compared_networks(
    folder: Path,
    sources: Sequence[str],
    labels: Mapping[str, tuple[str, int]],
    config: SuperresConfig,
    methods: Sequence[str] = (),
) -> list[ComparedNetwork]:
    """Return the lines of the table: interpolation first, then pansharpening, then each network.

    Args:
        folder: of the evaluation of these networks.
        sources: the networks that were evaluated, as `find_networks` takes them.
        labels: source -> label and seed, of the networks that the comparison trained.
        config: the settings that all networks share.
        methods: names of the pansharpening methods that were evaluated.

    Raises:
        WeightsError, RunFolderError: as `find_networks`.
    """
    rows = read_metrics(folder / METRICS)
    networks = [_compared_network(name, name, None, None, config, rows) for name in (*INTERPOLATIONS, *methods)]
    for name, trained in find_networks(WeightsOptions(tuple(sources)), config.gsd)[0].items():
        label, seed = labels.get(trained.source, (trained.source, None))
        networks.append(_compared_network(name, label, seed, trained, config, rows))
    return networks


def _compared_network(
    method: str,
    label: str,
    seed: int | None,
    trained: TrainedNetwork | None,
    config: SuperresConfig,
    rows: Sequence[MetricRow],
) -> ComparedNetwork:
    """Return a line of the table: means of the evaluation's rows, and costs of the network unless `trained` is None."""
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
    """Return label -> its lines, one for each seed."""
    labels = dict.fromkeys(network.label for network in networks)
    return {label: [network for network in networks if network.label == label] for label in labels}


def column(networks: Sequence[ComparedNetwork], name: str) -> np.ndarray:
    """Return a column of the table, float64; None becomes NaN."""
    return np.array(
        [np.nan if getattr(network, name) is None else getattr(network, name) for network in networks], float
    )
