"""Scores of resampled patches: equal to those of the patches written out, and to scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigearthnet.evaluation.resampling import RESAMPLES, Decisions, all_patches, resampled_averages, weighted_scores
from bigearthnet.evaluation.support import Support, class_support
from common.metrics.multilabel import OVERALL, classification_metrics
from tests.support.multilabel import NAMES, random_case

METRICS = ("f1_micro", "f1_macro", "f1_macro_held", "f1_sample", "ap_micro", "ap_macro", "ap_macro_held")


def case(seed: int) -> tuple[Decisions, np.ndarray, Support]:
    """Decisions with equal probabilities among them, thresholds, and the support of the classes."""
    labels, probabilities, thresholds = random_case(seed)
    probabilities = probabilities.round(1)
    decisions = Decisions(labels.astype(bool), probabilities >= thresholds, probabilities)
    return decisions, thresholds, class_support(NAMES, labels, labels)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_scores_are_those_of_the_patches_as_often_as_they_were_drawn(seed: int) -> None:
    decisions, thresholds, support = case(seed)
    weights = np.random.default_rng(seed).integers(0, 3, (2, len(decisions.labels)))
    weights[:, np.flatnonzero(decisions.labels.any(axis=1))[0]] = 1
    scores = weighted_scores(decisions, weights, support)
    for number, counts in enumerate(weights):
        labels, probabilities = (
            np.repeat(part, counts, axis=0) for part in (decisions.labels, decisions.probabilities)
        )
        rows = classification_metrics(labels, probabilities, thresholds, NAMES)
        expected = {row.metric: row.value for row in rows if row.name == OVERALL}
        for metric in METRICS:
            assert scores.averages[metric][number] == pytest.approx(expected[metric]), metric
        for name, f1, ap in zip(NAMES, scores.f1[number], scores.ap[number], strict=True):
            own = {row.metric: row.value for row in rows if row.name == name}
            assert (np.isnan(f1), np.isnan(ap)) == (own["support"] == 0,) * 2
            if own["support"]:
                assert (f1, ap) == pytest.approx((own["f1"], own["ap"]))


def test_groups_are_means_over_their_classes_with_test_patches() -> None:
    """The last class is rare, and in no test patch; no class is in the middle group."""
    decisions, _, _ = case(1)
    decisions.labels[0, 2] = True
    groups = {"rare": [False, False, True, True], "middle": [False] * 4, "common": [True, True, False, False]}
    support = Support(NAMES, {name: np.array(chosen) for name, chosen in groups.items()}, decisions.labels.any(axis=0))
    assert not decisions.labels[:, 3].any()
    scores = all_patches(decisions, support)
    for metric, by_class in (("f1", scores.f1[0]), ("ap", scores.ap[0])):
        assert scores.averages[f"{metric}_rare"][0] == by_class[2]
        assert np.isnan(scores.averages[f"{metric}_middle"][0])
        assert scores.averages[f"{metric}_common"][0] == pytest.approx(by_class[:2].mean())


def test_resamples_are_the_same_for_equal_numbers_of_patches_and_vary_about_the_scores() -> None:
    decisions, _, support = case(2)
    drawn, again = (resampled_averages(decisions, support) for _ in range(2))
    own = all_patches(decisions, support).averages
    for metric in METRICS:
        assert drawn[metric].shape == (RESAMPLES,)
        np.testing.assert_array_equal(drawn[metric], again[metric])
        assert 0 < abs(drawn[metric].mean() - own[metric][0]) < 0.1
        assert drawn[metric].std() > 0.01
