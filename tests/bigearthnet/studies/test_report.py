"""The report of a comparison: tables of scores, classes and costs; the quick form says that its numbers mean nothing."""

from pathlib import Path

from bigearthnet.studies.catalogue import STUDIES
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from bigearthnet.studies.report import CONVERTED, PUBLISHED, THRESHOLDS, class_table, comparison_report
from bigearthnet.studies.scores import judge_runs, run_scores
from common.report.markdown import report_markdown
from common.studies.options import StudyOptions
from common.studies.report import QUICK
from tests.bigearthnet.studies.test_scores import measured

RUNS = measured({"rgb": 2.0, "s2": 4.0}, patches=60, seeds=2)
SCORES = run_scores(RUNS)


def test_a_study_has_question_answers_and_tables() -> None:
    study = STUDIES["bands"]
    options = ComparisonOptions(StudyOptions(study, True, (0, 1), Path("out")), InputOptions(), {"dropout": 0.1}, {})
    verdicts = judge_runs(RUNS, SCORES, "rgb", study.metrics)
    text = report_markdown(comparison_report(options, RUNS, SCORES, verdicts, [], ["data.h5"]))
    for words in (
        QUICK,
        study.question,
        study.remarks,
        PUBLISHED,
        THRESHOLDS,
        "- `--dropout`: 0.1",
        "- Test patches: 60",
    ):
        assert words in text
    assert "s2 and rgb: " in text or "s2 is better than rgb" in text
    assert "No test patch holds d:" in text


def test_a_comparison_with_one_seed_judges_nothing() -> None:
    options = ComparisonOptions(StudyOptions(None, False, (0,), Path("out")), InputOptions(("data.h5",)), {}, {})
    text = report_markdown(comparison_report(options, RUNS._replace(converted=("s2",)), SCORES, [], [], ["data.h5"]))
    assert f"{CONVERTED} s2." in text
    assert "no difference is judged" in text and QUICK not in text
    assert "AP of rare classes" in text


def test_each_class_with_a_score_has_a_row() -> None:
    table = class_table(SCORES, "ap")
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert [column.title for column in table.columns] == ["Class", "rgb", "s2"]
