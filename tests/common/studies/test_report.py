"""The report of a study says question, setting, rule, scores and verdicts, and whether its numbers mean nothing."""

from pathlib import Path

import numpy as np
import pytest

from common.report.markdown import report_markdown
from common.report.page import render
from common.report.records import Picture, Spread
from common.studies.intervals import Interval
from common.studies.options import StudyOptions
from common.studies.report import QUICK, Measured, decimals, part_answers, score_records, study_report, write_study
from common.studies.scores import Score
from common.studies.study import Study
from common.studies.verdict import judge, judge_scores, rule, sentence

STUDY = Study(
    "losses", "Which loss?", {"l1": {}, "l2": {}}, "l1", ("rmse", "uiq"), shown=("sam",), remarks="One scene."
)
SCORES = [
    Score(label, seed, "scene", "rmse", value + seed)
    for label, value in (("l1", 40.0), ("l2", 70.0))
    for seed in (0, 1, 2)
] + [Score("bicubic", None, "scene", "rmse", 90.0)]
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.mark.parametrize("quick", [False, True])
def test_everything_is_on_the_page_and_in_markdown(quick: bool) -> None:
    verdicts = judge_scores([score for score in SCORES if score.seed is not None], "l1", ["rmse"])
    measured = Measured("tested with mtf", SCORES, verdicts, [Picture(PIXEL, "Intervals.", "intervals")])
    options = StudyOptions(STUDY, quick, (0, 1, 2), Path("out"))
    report = study_report(options, [measured], "Super-resolution", {"Test scenes": 1})
    page, markdown = render(report), report_markdown(report)
    for text in (page, markdown):
        for words in ("Super-resolution: losses", "Which loss?", "One scene.", "Test scenes", "40.00", "41.00 ± 1.00"):
            assert (words in text) == (words != "40.00"), words
        assert (QUICK in text) == quick
        assert f"Tested with mtf: {sentence(verdicts[0])}" in text
        assert rule() in text.replace("&#39;", "'")
    assert "data:image/png" in page


def test_answers_are_about_the_main_metric_and_about_differences_that_were_seen() -> None:
    interval = Interval(-3.0, 1.0, 0.5, 2.0, 3, 6, True)
    seen = [judge("l2", "l1", metric, interval) for metric in ("rmse", "uiq")]
    not_seen = [judge("l2", "l1", metric, interval._replace(difference=0.1)) for metric in ("rmse", "uiq")]
    for verdicts, expected in ((seen, seen), (not_seen, not_seen[:1])):
        answers = part_answers(Measured("", SCORES, verdicts), "rmse", "scene")
        assert answers == [sentence(verdict) for verdict in expected]


def test_a_metric_that_was_not_measured_has_no_column() -> None:
    table = score_records(SCORES, ["rmse", "uiq"], "scene")
    assert [column.title for column in table.columns] == ["Variant", "Seeds", "RMSE (DN)"]
    assert table.rows == [
        ["l1", 3, Spread(41.0, 1.0)],
        ["l2", 3, Spread(71.0, 1.0)],
        ["bicubic", None, Spread(90.0, None)],
    ]
    assert table.caption == "Means over seeds, ± standard deviation over seeds."
    two_scenes = [*SCORES, *(score._replace(unit="another") for score in SCORES)]
    assert score_records(two_scenes, ["rmse"], "scene").caption.startswith("Means over scenes and seeds,")


def test_both_forms_are_written(tmp_path: Path) -> None:
    report = study_report(StudyOptions(STUDY, False, (0, 1, 2), tmp_path), [Measured("", SCORES, [])], "Made", {})
    text = write_study(tmp_path, "study.md", report)
    assert text == report_markdown(report) and (tmp_path / "study.md").read_text().startswith(text)
    assert "Which loss?" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("largest, digits", [(0.0, 4), (0.9, 4), (9.1, 2), (90.0, 2), (1234.0, 0)])
def test_digits(largest: float, digits: int) -> None:
    assert decimals([np.array([largest, largest / 7]), np.array([])]) == digits
