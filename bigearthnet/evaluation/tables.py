"""Tables of scores: `metrics.csv`, and Markdown for people."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.metrics.multilabel import OVERALL, ClassMetric
from common.runs.tables import markdown_table, read_rows, write_rows

COLUMNS = ("split", "method", "class", "metric", "value")
MAIN_METRICS = {
    "f1_micro": "F1 micro",
    "f1_macro": "F1 macro",
    "f1_sample": "F1 sample",
    "f2_micro": "F2 micro",
    "f2_macro": "F2 macro",
    "ap_micro": "AP micro",
    "ap_macro": "AP macro",
    "hamming": "Hamming loss ↓",
    "subset": "Subset accuracy",
}
MORE_METRICS = {
    f"{metric}_{average}": f"{title} {average}"
    for metric, title in (("precision", "Precision"), ("recall", "Recall"))
    for average in ("micro", "macro", "sample")
} | {"f2_sample": "F2 sample"}
CLASS_METRICS = {
    "f1": "F1",
    "f2": "F2",
    "precision": "Precision",
    "recall": "Recall",
    "ap": "AP",
    "threshold": "Threshold",
}


class MetricRow(NamedTuple):
    """One line of `metrics.csv`; `name` is the class, `all` for all classes together."""

    split: str
    method: str
    name: str
    metric: str
    value: float


def metric_rows(split: str, method: str, found: Sequence[ClassMetric]) -> list[MetricRow]:
    """What `classification_metrics` found, as lines of the table."""
    return [MetricRow(split, method, *metric) for metric in found]


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`: split, method, class (`all` for the overall value), metric, value."""
    write_rows(path, rows, COLUMNS)


def read_metrics(path: str | os.PathLike[str]) -> list[MetricRow]:
    """What `write_metrics` wrote."""
    return read_rows(path, MetricRow, COLUMNS)


def classes_by_support(rows: Sequence[MetricRow]) -> dict[str, int]:
    """Class -> patches that hold it, the most frequent first."""
    support = {row.name: int(row.value) for row in rows if row.metric == "support" and row.name != OVERALL}
    return dict(sorted(support.items(), key=lambda item: -item[1]))


def markdown_metric_table(rows: Sequence[MetricRow], metrics: Mapping[str, str] = MAIN_METRICS) -> str:
    """The overall values as a Markdown table: a line a method, a column a metric."""
    values = {(row.method, row.metric): row.value for row in rows if row.name == OVERALL}
    methods = list(dict.fromkeys(row.method for row in rows))
    return markdown_table(
        ["Method", *metrics.values()],
        [[method, *(cell(values.get((method, metric))) for metric in metrics)] for method in methods],
    )


def markdown_class_table(rows: Sequence[MetricRow], method: str, metrics: Mapping[str, str] = CLASS_METRICS) -> str:
    """The values of one method for each class as a Markdown table, the most frequent class first."""
    values = {(row.name, row.metric): row.value for row in rows if row.method == method}
    return markdown_table(
        ["Class", "Patches", *metrics.values()],
        [
            [name, str(support), *(cell(values.get((name, metric))) for metric in metrics)]
            for name, support in classes_by_support(rows).items()
        ],
    )


def cell(value: float | None) -> str:
    """A number of a table."""
    return "" if value is None else f"{value:.3f}"
