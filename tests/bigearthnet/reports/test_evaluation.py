"""The report of an evaluation: scores, classes, and what is not known."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.evaluation.plan import EvaluationPlan
from bigearthnet.evaluation.tables import MetricRow
from bigearthnet.prediction.trained import TrainedClassifier
from bigearthnet.reports.evaluation import evaluation_report, highest_scores
from common.report.cells import MISSING, show_rows
from common.report.page import render
from common.report.records import Picture, Report, Table
from tests.support.metric_rows import LONG, ROWS


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Two methods of three classes, one of which is in no patch; `one` has a picture of its mistakes."""
    trained = TrainedClassifier(tmp_path, "small", "s2", "bilinear", "float32", False, 0.0, (), {}, np.full(3, 0.5))
    plan = EvaluationPlan(tmp_path / "made.h5", "test", np.arange(7), {"one": trained, "two": trained})
    for name in ("f1.png", "mistakes-one.png"):
        (tmp_path / name).write_bytes(name.encode())
    return evaluation_report(plan, ROWS, tmp_path)


def parts(report: Report, kind: type) -> list:
    return [part for section in report.sections for part in section.parts if isinstance(part, kind)]


def test_scores_and_the_best_of_them(report: Report) -> None:
    main = show_rows(parts(report, Table)[0])
    assert [(row[0].text, row[1].text, row[1].is_best) for row in main] == [
        ("one", "0.750", True),
        ("two", "0.500", False),
    ]


def test_classes_are_listed_for_each_method_and_not_compared(report: Report) -> None:
    by_class = [table for table in parts(report, Table) if table.columns[0].title == "Class"]
    assert [table.caption.split(":")[0] for table in by_class] == ["one", "two"]
    for table in by_class:
        rows = show_rows(table)
        assert [row[0].text for row in rows] == [LONG, "Pastures", "Inland waters"]
        assert not any(cell.is_best for row in rows for cell in row)
        assert [row[2].text for row in rows] == ["1.000", "0.250", MISSING]


def test_classes_without_a_patch_are_named_as_unknown(report: Report) -> None:
    assert report.answers[-1].startswith("1 of 3 classes are in no patch: nothing is known about them. Macro averages ")


def test_only_figures_that_were_drawn_are_shown(report: Report) -> None:
    assert [picture.image.name for picture in parts(report, Picture)] == ["f1.png", "mistakes-one.png"]
    assert LONG in render(report)


def test_networks_with_equal_scores_are_named_together() -> None:
    """Equal to the digits that are shown."""
    scores = {"one": 0.05301, "two": 0.05299, "three": 0.04}
    rows = [MetricRow("test", method, "all", "f1_macro", score) for method, score in scores.items()]
    assert next(highest_scores(rows)).startswith("Highest F1 macro: one and two, 0.053.")
    assert list(highest_scores(rows[:1])) == []
