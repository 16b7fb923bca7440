"""Tables of scores: `metrics.csv`, and Markdown to read."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.multilabel import OVERALL, ClassMetric
from common.runs.tables import markdown_table, read_rows, write_rows

COLUMNS = ("split", "method", "class", "metric", "value")
# Metric -> title of its column.
MAIN_METRICS = {
    metric: DESCRIPTIONS[metric].heading.removesuffix(" ↑")
    for metric in (
        "f1_micro",
        "f1_macro",
        "f1_sample",
        "f2_micro",
        "f2_macro",
        "ap_micro",
        "ap_macro",
        "hamming",
        "subset",
    )
}
MORE_METRICS = {
    metric: DESCRIPTIONS[metric].title
    for metric in (
        *(f"{metric}_{average}" for metric in ("precision", "recall") for average in ("micro", "macro", "sample")),
        "f2_sample",
        "f1_macro_held",
        "ap_macro_held",
    )
}
CLASS_METRICS = {metric: DESCRIPTIONS[metric].title for metric in ("f1", "f2", "precision", "recall", "ap")}
CLASS_METRICS |= {"threshold": "Threshold"}


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


def describe(rows: Sequence[MetricRow], split: str, patches: int) -> str:
    """Return all tables as Markdown, under a heading with the split and the number of patches."""
    parts = [
        f"## {patches} {split} patches",
        "Higher is better, except for the Hamming loss. Thresholds were chosen for each class on validation patches."
        + describe_untested(rows),
        markdown_metric_table(rows, MAIN_METRICS),
        markdown_metric_table(rows, MORE_METRICS),
    ]
    for method in dict.fromkeys(row.method for row in rows):
        parts += [f"### {method}, by class", markdown_class_table(rows, method)]
    return "\n\n".join(parts)


def describe_untested(rows: Sequence[MetricRow]) -> str:
    """Return a sentence on how macro averages treat classes that no patch holds; empty if there are none."""
    untested = [name for name, count in classes_by_support(rows).items() if not count]
    if not untested:
        return ""
    return f" No patch holds {', '.join(untested)}: macro averages count such a class as 0, and averages of tested classes leave it out."


def markdown_metric_table(rows: Sequence[MetricRow], metrics: Mapping[str, str] = MAIN_METRICS) -> str:
    """Return the overall values as a Markdown table: a line for each method, a column for each metric."""
    values = {(row.method, row.metric): row.value for row in rows if row.name == OVERALL}
    methods = list(dict.fromkeys(row.method for row in rows))
    return markdown_table(
        ["Method", *metrics.values()],
        [[method, *(_cell(values.get((method, metric))) for metric in metrics)] for method in methods],
    )


def markdown_class_table(rows: Sequence[MetricRow], method: str, metrics: Mapping[str, str] = CLASS_METRICS) -> str:
    """Return the values of one method as a Markdown table: a line for each class, the most frequent first."""
    values = {(row.name, row.metric): row.value for row in rows if row.method == method}
    return markdown_table(
        ["Class", "Patches", *metrics.values()],
        [
            [name, str(support), *(_cell(values.get((name, metric))) for metric in metrics)]
            for name, support in classes_by_support(rows).items()
        ],
    )


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
