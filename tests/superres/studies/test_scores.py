"""Scores of a study from the tables of its evaluations, and the verdicts that follow."""

from pathlib import Path

import pytest

from common.errors import SettingError
from common.studies.verdict import BETTER, WORSE
from superres.evaluation.output import METRICS
from superres.evaluation.tables import read_metrics, write_metrics
from superres.studies.options import ComparisonOptions
from superres.studies.scores import evaluation_folder, method_labels, read_study_scores, study_verdicts
from tests.support.made_study import LEVELS, SCENES


@pytest.fixture(scope="module")
def labels(evaluated: ComparisonOptions) -> dict[str, tuple[str, int | None]]:
    """Method in the tables of the evaluations -> label and seed."""
    return method_labels(evaluated)


@pytest.mark.parametrize("test, more", [("gaussian", 0), ("mtf", 50)])
def test_scores_are_those_of_the_evaluation_under_the_labels_of_the_variants(
    evaluated: ComparisonOptions, labels: dict, test: str, more: float
) -> None:
    scores = read_study_scores(evaluation_folder(evaluated, test), labels, by_brightness=True)
    values = {(score.label, score.seed, score.unit): score.value for score in scores if score.metric == "rmse"}
    assert values == {
        (label, seed, scene): pytest.approx(LEVELS[label] + 0.1 * (seed or 0) + more + number)
        for label, seed in labels.values()
        for number, scene in enumerate(SCENES)
    }
    for score in scores:
        if score.metric in ("rmse_brightest", "rmse_others"):
            brighter = 1 + (score.metric == "rmse_brightest")
            assert score.value == pytest.approx(brighter * values[score[:3]])
    without = read_study_scores(evaluation_folder(evaluated, test), labels)
    assert {score.metric for score in without} == {"rmse", "sharpness"}


def test_verdicts_are_about_variants_and_opponents_by_metrics_that_were_measured(
    evaluated: ComparisonOptions, labels: dict
) -> None:
    scores = read_study_scores(evaluation_folder(evaluated, "gaussian"), labels, by_brightness=True)
    verdicts = {(verdict.label, verdict.metric): verdict for verdict in study_verdicts(evaluated, scores)}
    assert {key: verdict.answer for key, verdict in verdicts.items()} == {
        ("bicubic", "rmse"): WORSE,
        ("power", "rmse"): BETTER,
        ("bicubic", "rmse_brightest"): WORSE,
        ("power", "rmse_brightest"): BETTER,
    }
    assert verdicts["power", "rmse"].difference == pytest.approx(-10)
    assert verdicts["bicubic", "rmse"].difference == pytest.approx(50 - 0.05)
    assert (verdicts["power", "rmse"].seeds, verdicts["power", "rmse"].units) == (2, len(SCENES))


def test_runs_that_were_measured_on_unequal_scenes_are_one_line(
    evaluated: ComparisonOptions, labels: dict, tmp_path: Path
) -> None:
    missing = next(method for method, (label, seed) in labels.items() if (label, seed) == ("power", 1))
    rows = read_metrics(evaluation_folder(evaluated, "mtf") / METRICS)
    write_metrics(tmp_path / METRICS, [row for row in rows if (row.method, row.scene) != (missing, SCENES[1])])
    with pytest.raises(SettingError, match="power and l1 cannot be compared by rmse: only one of them has a value"):
        study_verdicts(evaluated, read_study_scores(tmp_path, labels))
