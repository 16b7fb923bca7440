"""Tables of scores: CSV there and back, and Markdown."""

from pathlib import Path

from bigearthnet.evaluation.tables import (
    classes_by_support,
    describe,
    markdown_class_table,
    markdown_metric_table,
    metric_rows,
    read_metrics,
    write_metrics,
)
from common.metrics.multilabel import ClassMetric
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


def test_markdown_of_all_classes_together() -> None:
    assert markdown_metric_table(ROWS, {"f1_micro": "F1 micro"}) == (
        "| Method | F1 micro |\n|---|---:|\n| one | 0.750 |\n| two | 0.500 |"
    )


def test_markdown_of_each_class() -> None:
    lines = markdown_class_table(ROWS, "one", {"f1": "F1", "ap": "AP"}).splitlines()
    assert lines[2:] == [
        f"| {LONG} | 7 | 1.000 |  |",
        "| Pastures | 3 | 0.250 |  |",
        "| Inland waters | 0 | 0.000 |  |",
    ]


def test_description_has_a_table_for_each_method() -> None:
    parts = describe(ROWS, "val", 12).split("\n\n")
    assert parts[0] == "## 12 val patches"
    assert parts[1].endswith(
        "No patch holds Inland waters: macro averages count such a class as 0, and averages of tested classes leave it out."
    )
    assert "No patch holds" not in describe([row for row in ROWS if row.name != "Inland waters"], "val", 12)
    assert [part for part in parts if part.startswith("###")] == ["### one, by class", "### two, by class"]
    assert parts[2] == markdown_metric_table(ROWS)
    assert parts[-1] == markdown_class_table(ROWS, "two")
