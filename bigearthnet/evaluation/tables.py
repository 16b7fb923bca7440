"""Tables of scores: `metrics.csv`, and records of tables for reports."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.multilabel import OVERALL, ClassMetric
from common.report.records import Column, Table
from common.runs.tables import read_rows, write_rows

COLUMNS = ("split", "method", "class", "metric", "value")
MAIN_METRICS = (
    *("f1_micro", "f1_macro", "f1_sample", "f2_micro", "f2_macro", "ap_micro", "ap_macro"),
    *("hamming", "subset"),
)
MORE_METRICS = (
    *(f"{metric}_{average}" for metric in ("precision", "recall") for average in ("micro", "macro", "sample")),
    *("f2_sample", "f1_macro_held", "ap_macro_held"),
)
# Metric -> title of its column.
CLASS_METRICS = {metric: DESCRIPTIONS[metric].title for metric in ("f1", "f2", "precision", "recall", "ap")}
CLASS_METRICS |= {"threshold": "Threshold"}
DECIMALS = 3


class MetricRow(NamedTuple):
    """One line of `metrics.csv`.

    Attributes:
        split: of the patches that were measured.
        method: network and bands.
        name: the class; `all` for all classes together.
        metric: as in `common/metrics/multilabel.py`, or `threshold`.
        value: of the metric.
    """

    split: str
    method: str
    name: str
    metric: str
    value: float


def metric_rows(split: str, method: str, scores: Sequence[ClassMetric]) -> list[MetricRow]:
    """Return the scores of a method as lines of the table."""
    return [MetricRow(split, method, *metric) for metric in scores]


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, rows, COLUMNS)


def read_metrics(path: str | os.PathLike[str]) -> list[MetricRow]:
    """Read `metrics.csv`.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    return read_rows(path, MetricRow, COLUMNS)


def classes_by_support(rows: Sequence[MetricRow]) -> dict[str, int]:
    """Return class -> number of patches that hold it, the most frequent class first."""
    support = {row.name: int(row.value) for row in rows if row.metric == "support" and row.name != OVERALL}
    return dict(sorted(support.items(), key=lambda item: -item[1]))


def metric_table(caption: str, rows: Sequence[MetricRow], metrics: Sequence[str] = MAIN_METRICS) -> Table:
    """Return a table of overall scores: a row for each method, a column for each metric."""
    values = {(row.method, row.metric): row.value for row in rows if row.name == OVERALL}
    columns = [Column.of_metric(DESCRIPTIONS[metric], DECIMALS) for metric in metrics]
    methods = dict.fromkeys(row.method for row in rows)
    lines = [[method, *(values.get((method, metric)) for metric in metrics)] for method in methods]
    return Table(caption, [Column("Network"), *columns], lines)


def class_table(caption: str, rows: Sequence[MetricRow], method: str) -> Table:
    """Return a table of one method: a row for each class, without scores if no patch holds the class.

    Classes are not compared, so that no value is marked as the best.
    """
    values = {(row.name, row.metric): row.value for row in rows if row.method == method}
    columns = [Column("Class"), Column("Patches", 0), *(Column(title, DECIMALS) for title in CLASS_METRICS.values())]
    lines = [
        [
            name,
            count,
            *(values.get((name, metric)) if count or metric == "threshold" else None for metric in CLASS_METRICS),
        ]
        for name, count in classes_by_support(rows).items()
    ]
    return Table(caption, columns, lines)
