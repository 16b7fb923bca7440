"""Scores and verdicts of made predictions: a planted difference is seen, and none where there is none."""

import numpy as np
import pytest

from bigearthnet.archive.labels import CLASSES_19, CLASSES_43, encode
from bigearthnet.evaluation.cost import Cost
from bigearthnet.evaluation.resampling import Decisions
from bigearthnet.evaluation.support import class_support
from bigearthnet.studies.scores import TEST_PATCHES, MeasuredRuns, judge_runs, run_scores, to_19_classes
from common.studies.verdict import BETTER, NOT_SEEN

NAMES = ("a", "b", "c", "d")
METRICS = ("ap_macro_held", "f1_macro_held", "ap_middle")


def measured(skill: dict[str, float], patches: int = 300, seeds: int = 3) -> MeasuredRuns:
    """Predictions of networks with different skill; no patch holds the last class, and no class is in the middle group."""
    rng = np.random.default_rng(0)
    labels = rng.random((patches, 4)) < [0.5, 0.3, 0.04, 0]
    decisions = {}
    for label, strength in skill.items():
        for seed in range(seeds):
            probabilities = 1 / (1 + np.exp(-strength * (labels - 0.5) - rng.normal(0, 1, labels.shape)))
            decisions[label, seed] = Decisions(labels, probabilities >= 0.5, probabilities)
    costs = {label: Cost(1, 2, 3.0) for label in skill}
    return MeasuredRuns(decisions, costs, class_support(NAMES, labels, labels))


def test_scores_of_runs_and_classes() -> None:
    runs = measured({"good": 4.0, "bad": 1.0})
    scores = run_scores(runs)
    table = {(score.label, score.seed, score.unit, score.metric): score.value for score in scores}
    for seed in range(3):
        classes = [table["good", seed, name, "ap"] for name in NAMES[:3]]
        assert table["good", seed, TEST_PATCHES, "ap_macro_held"] == pytest.approx(np.mean(classes))
        assert table["good", seed, TEST_PATCHES, "ap_macro"] == pytest.approx(np.sum(classes) / 4)
        assert table["good", seed, TEST_PATCHES, "ap_rare"] == pytest.approx(classes[2])
        assert table["good", seed, TEST_PATCHES, "ap_micro"] > table["bad", seed, TEST_PATCHES, "ap_micro"]
    assert {score.unit for score in scores} == {TEST_PATCHES, *NAMES[:3]}  # the last class has no score
    assert not [score for score in scores if score.metric in ("ap_middle", "f1_middle")]


def test_a_planted_difference_is_seen_and_none_where_there_is_none() -> None:
    runs = measured({"plain": 1.0, "same": 1.0, "better": 6.0})
    verdicts = judge_runs(runs, run_scores(runs), "plain", METRICS)
    answers = {(verdict.label, verdict.metric): verdict.answer for verdict in verdicts}
    assert answers == {
        ("same", "ap_macro_held"): NOT_SEEN,
        ("better", "ap_macro_held"): BETTER,
        ("same", "f1_macro_held"): NOT_SEEN,
        ("better", "f1_macro_held"): BETTER,
    }  # and none about the group without classes
    assert {(verdict.seeds, verdict.units, verdict.beyond_units) for verdict in verdicts} == {(3, 300, True)}


def test_decisions_on_the_43_classes_are_scored_on_the_19() -> None:
    """Ports are in none of the 19; both kinds of urban fabric are one class of the 19."""
    rng = np.random.default_rng(0)
    labels = np.stack([encode(names, CLASSES_43) for names in (["Port areas"], ["Continuous urban fabric"])]).astype(
        bool
    )
    probabilities = rng.random(labels.shape)
    own = to_19_classes(Decisions(labels, probabilities >= 0.5, probabilities), CLASSES_43, CLASSES_19)
    assert own.labels.tolist() == [[False] * 19, [True] + [False] * 18]
    np.testing.assert_array_equal(own.probabilities[:, 0], probabilities[:, :2].max(axis=1))
    np.testing.assert_array_equal(own.decided, own.probabilities >= 0.5)


def test_one_test_patch_gives_verdicts_about_itself_only() -> None:
    runs = measured({"plain": 2.0, "other": 2.0}, patches=1, seeds=2)
    assert not any(verdict.beyond_units for verdict in judge_runs(runs, run_scores(runs), "plain", METRICS))


def test_one_seed_has_no_spread() -> None:
    runs = measured({"plain": 2.0, "other": 2.0}, seeds=1)
    with pytest.raises(ValueError, match="a spread needs 2 seeds or more"):
        judge_runs(runs, run_scores(runs), "plain", METRICS)
