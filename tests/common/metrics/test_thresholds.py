"""Decision thresholds: the best ones on the validation patches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from common.metrics.thresholds import DEFAULT_THRESHOLD, Threshold, best_threshold, choose_thresholds
from tests.support.multilabel import NAMES, random_case


@given(seed=st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_chosen_thresholds_have_the_highest_f1(seed: int) -> None:
    labels, probabilities, _ = random_case(seed, patches=15)
    chosen = choose_thresholds(labels, probabilities, NAMES)
    for index, threshold in enumerate(chosen):
        truth, scores = labels[:, index], probabilities[:, index].astype(np.float64)
        assert (threshold.name, threshold.support) == (NAMES[index], truth.sum())
        if not truth.any():
            assert (threshold.threshold, threshold.f1) == (0.5, 0)
            continue
        tried = [metrics.f1_score(truth, scores >= value) for value in [*scores, 0.0, 1.0]]
        assert threshold.f1 == pytest.approx(max(tried))
        assert metrics.f1_score(truth, scores >= threshold.threshold) == pytest.approx(threshold.f1)


def test_threshold_lies_between_the_probabilities() -> None:
    labels, probabilities = np.array([[1], [1], [0], [0]]), np.array([[0.9], [0.6], [0.4], [0.1]])
    (threshold,) = choose_thresholds(labels, probabilities, ("a",))
    assert threshold == Threshold("a", pytest.approx(0.5), 1.0, 2)


@pytest.mark.parametrize(("scores", "nearest"), [([0.9, 0.8, 0.7, 0.6, 0.5], 0.55), ([0.5, 0.4, 0.3, 0.2, 0.1], 0.45)])
def test_of_thresholds_with_equal_f1_the_nearest_to_the_default_is_chosen(scores: list[float], nearest: float) -> None:
    """The first score alone and the first four have the same F1, 2/3, and no other threshold has more."""
    truth = np.array([True, False, False, True, False])
    assert best_threshold(truth, np.array(scores)) == (pytest.approx(nearest), pytest.approx(2 / 3))


def test_a_class_that_no_patch_holds_has_the_default_threshold() -> None:
    (threshold,) = choose_thresholds(np.zeros((3, 1)), np.array([[0.9], [0.2], [0.1]]), ("a",))
    assert threshold == Threshold("a", DEFAULT_THRESHOLD, 0.0, 0)


def test_thresholds_need_one_name_a_class() -> None:
    labels, probabilities, _ = random_case(0)
    with pytest.raises(ValueError, match=r"must be \(N, 3\)"):
        choose_thresholds(labels, probabilities, NAMES[:3])
