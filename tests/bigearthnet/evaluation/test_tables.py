"""Tables of scores: CSV there and back, and records for reports."""

from pathlib import Path

from bigearthnet.evaluation.tables import (
    class_table,
    classes_by_support,
    metric_rows,
    metric_table,
    read_metrics,
    write_metrics,
)
from common.metrics.multilabel import ClassMetric
from common.report.cells import MISSING
from common.report.markdown import table_markdown
from tests.support.metric_rows import LONG, ROWS


def test_table_survives_a_file(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", ROWS)
    assert read_metrics(tmp_path / "metrics.csv") == ROWS
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "split,method,class,metric,value"


def test_scores_become_rows_of_their_method() -> None:
    scores = [ClassMetric("all", "f1_micro", 0.75), ClassMetric("Pastures", "f1", 0.25)]
    assert metric_rows("test", "one", scores) == [ROWS[0], ROWS[2]]


def test_classes_are_ordered_by_support() -> None:
    assert list(classes_by_support(ROWS).items()) == [(LONG, 7), ("Pastures", 3), ("Inland waters", 0)]


def test_scores_over_all_classes() -> None:
    assert table_markdown(metric_table("", ROWS, ["f1_micro", "hamming"])) == (
        "| Network | F1 micro ↑ | Hamming loss ↓ |\n|---|---:|---:|\n"
        f"| one | **0.750** | {MISSING} |\n| two | 0.500 | {MISSING} |"
    )


def test_scores_of_each_class() -> None:
    """A class that no patch holds has no score, and classes are not compared."""
    lines = table_markdown(class_table("", ROWS, "one")).splitlines()
    assert [line.split(" | ")[:4] for line in lines[2:]] == [
        [f"| {LONG}", "7", "1.000", MISSING],
        ["| Pastures", "3", "0.250", MISSING],
        ["| Inland waters", "0", MISSING, MISSING],
    ]
