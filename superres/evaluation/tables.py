"""Tables of metrics: `metrics.csv`, `methods.csv`, and records of tables for reports."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.metrics.descriptions import COST_METRICS, DESCRIPTIONS
from common.metrics.fusion import OVERALL
from common.report.records import Column, Table
from common.runs.tables import read_rows, write_rows

TABLE_METRICS = {"rmse": "RMSE", "sre": "SRE (dB)", "ergas": "ERGAS", "sam": "SAM (deg)"}  # of a training run
# Caption of a table -> its metrics.
REDUCED_SCALE = {
    "Errors of pixels": ("rmse", "sre", "psnr", "ergas", "sam"),
    "Structure and position": ("uiq", "ssim", "q2n", "shift"),
    "As opensr-test: agreement of the degraded estimate with the input, and shares of the pixels that the method changed": (
        *("opensr_reflectance", "opensr_spectral", "opensr_spatial"),
        *("opensr_improvement", "opensr_omission", "opensr_hallucination"),
    ),
}
FULL_SCALE = {
    "Agreement with the input, and detail": ("consistency", "sharpness", "correlation"),
    "Distortions and their products": ("d_lambda", "d_lambda_khan", "d_s", "qnr", "hqnr"),
}
COSTS = {"Cost of sharpening the degraded scene": tuple(COST_METRICS)}
REDUCED_SCALE_METRICS = tuple(metric for metrics in REDUCED_SCALE.values() for metric in metrics)
FULL_SCALE_METRICS = tuple(metric for metrics in FULL_SCALE.values() for metric in metrics)
FOUR_DECIMALS = ("uiq", "ssim", "q2n", "d_lambda", "d_lambda_khan", "d_s", "qnr", "hqnr")
THREE_DECIMALS = (
    "shift",
    "sharpness",
    "correlation",
    *(metric for metric in REDUCED_SCALE_METRICS if "opensr" in metric),
)
DECIMALS = dict.fromkeys(FOUR_DECIMALS, 4) | dict.fromkeys(THREE_DECIMALS, 3) | {"memory": 0}  # 2 for other metrics


class MetricRow(NamedTuple):
    """One line of `metrics.csv`.

    Attributes:
        scene: name of the scene.
        method: name of the method.
        band: such as `B05`, or `all` for the overall value.
        metric: one of REDUCED_SCALE_METRICS or FULL_SCALE_METRICS; in `methods.csv` also of COST_METRICS.
        value: in the unit of the metric.
    """

    scene: str
    method: str
    band: str
    metric: str
    value: float


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`, a column for each field of MetricRow.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, rows, MetricRow._fields)


def read_metrics(path: str | os.PathLike[str]) -> list[MetricRow]:
    """Read a file that `write_metrics` wrote.

    Raises:
        RunFolderError: as `common.runs.tables.read_rows`.
    """
    return read_rows(path, MetricRow)


def write_methods(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `methods.csv`: a row for each scene and method, a column for each overall value that was measured.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    values = {(row.scene, row.method, row.metric): row.value for row in rows if row.band == OVERALL}
    lines = dict.fromkeys(key[:2] for key in values)
    measured = {metric for *_, metric in values}
    metrics = [metric for metric in (*REDUCED_SCALE_METRICS, *FULL_SCALE_METRICS, *COST_METRICS) if metric in measured]
    cells = [[*line, *(values.get((*line, metric)) for metric in metrics)] for line in lines]
    write_rows(path, cells, ("scene", "method", *metrics))


def mean_over_scenes(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Return the mean of each metric over all scenes, by method and band; no row for one scene, or where a scene lacks it."""
    scenes = {row.scene for row in rows}
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        values.setdefault((row.method, row.band, row.metric), []).append(row.value)
    if len(scenes) < 2:
        return []
    name = f"mean of {len(scenes)} scenes"
    return [
        MetricRow(name, *key, float(np.mean(scene_values)))
        for key, scene_values in values.items()
        if len(scene_values) == len(scenes)
    ]


def scene_labels(scenes: Iterable[str]) -> dict[str, str]:
    """Return a label for each scene: a short one such as `T33UUB 2017-05-27`, or the whole name if two would be equal."""
    labels = {scene: short_name(scene) for scene in dict.fromkeys(scenes)}
    counts = Counter(labels.values())
    return {scene: label if counts[label] == 1 else scene for scene, label in labels.items()}


def short_name(scene: str) -> str:
    """Return tile, position of the patch, and date from the name of a product or BigEarthNet patch.

    Any other name is returned unchanged.
    """
    date = re.search(r"_(\d{4})(\d{2})(\d{2})T\d{5,6}", scene)  # patches may lack a leading zero of the time
    tile, position = re.search(r"_(T\d{2}[A-Z]{3})(?:_|$)", scene), re.search(r"_(\d{1,2}_\d{1,2})$", scene)
    if not date or not (tile or position):
        return scene
    return " ".join([*(match[1] for match in (tile, position) if match), "-".join(date.groups())])


def metric_table(caption: str, rows: Sequence[MetricRow], metrics: Iterable[str]) -> Table:
    """Return a table of the overall values with a column for each metric that was measured."""
    columns = {metric: Column.of_metric(DESCRIPTIONS[metric], DECIMALS.get(metric, 2)) for metric in metrics}
    return _table(caption, [row for row in rows if row.band == OVERALL and row.metric in columns], columns, "metric")


def metric_tables(groups: Mapping[str, Sequence[str]], rows: Sequence[MetricRow]) -> list[Table]:
    """Return a table of the overall values for each group of metrics, caption -> metrics, of which one was measured."""
    measured = {row.metric for row in rows}
    return [metric_table(caption, rows, metrics) for caption, metrics in groups.items() if measured & set(metrics)]


def band_table(caption: str, rows: Sequence[MetricRow], metric: str, better: str = "") -> Table:
    """Return a table of one metric with a column for each band."""
    chosen = [row for row in rows if row.metric == metric]
    columns = {
        row.band: Column("all" if row.band == OVERALL else row.band, DECIMALS.get(metric, 2), better) for row in chosen
    }
    return _table(caption, chosen, columns, "band")


def _table(caption: str, rows: Sequence[MetricRow], columns: Mapping[str, Column], across: str) -> Table:
    """Return a table with a row for each scene and method, and for the means over scenes.

    Args:
        caption: of the table.
        rows: of one metric, or of one band.
        columns: value of the attribute `across` of a row -> its column; a column without a row is left out.
        across: `metric` or `band`.
    """
    rows = [*rows, *mean_over_scenes(rows)]
    values = {(row.scene, row.method, getattr(row, across)): row.value for row in rows}
    columns = {key: column for key, column in columns.items() if any(key == there for *_, there in values)}
    labels = scene_labels(row.scene for row in rows)
    lines = dict.fromkeys((row.scene, row.method) for row in rows)
    if len(labels) == 1:
        head, cells = [Column("Method")], {line: [line[1]] for line in lines}
    else:
        head, cells = [Column("Scene"), Column("Method")], {line: [labels[line[0]], line[1]] for line in lines}
    filled = [[*cells[line], *(values.get((*line, key)) for key in columns)] for line in lines]
    return Table(caption, [*head, *columns.values()], filled, "Scene" if len(labels) > 1 else "", "Method")
