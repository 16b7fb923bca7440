"""Scores of multi-label predictions: equal to scikit-learn's, and hand-worked cases."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from common.metrics.multilabel import (
    OVERALL,
    SCORE_STEP,
    SCORES,
    average_precision_from_counts,
    classification_metrics,
    count_decisions,
    count_scores,
    f1_from_counts,
)
from tests.support.multilabel import NAMES, random_case


def as_table(rows: list) -> dict[tuple[str, str], float]:
    return {(row.name, row.metric): row.value for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_those_of_scikit_learn(seed: int) -> None:
    labels, probabilities, thresholds = random_case(seed)
    table = as_table(classification_metrics(labels, probabilities, thresholds, NAMES))
    decided = (probabilities >= thresholds).astype(np.uint8)
    report = metrics.classification_report(labels, decided, target_names=NAMES, output_dict=True, zero_division=0)
    for ours, theirs in (("micro", "micro avg"), ("macro", "macro avg"), ("sample", "samples avg")):
        for metric, name in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert table[OVERALL, f"{metric}_{ours}"] == pytest.approx(report[theirs][name], abs=1e-12)
    for name in NAMES:
        for metric, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert table[name, metric] == pytest.approx(report[name][theirs], abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average in ("micro", "macro"):
            assert table[OVERALL, f"ap_{average}"] == pytest.approx(
                metrics.average_precision_score(labels, probabilities, average=average)
            )
    held = labels.any(axis=0)  # all classes but the last
    assert table[OVERALL, "f1_macro_held"] == pytest.approx(
        np.mean([table[name, "f1"] for name in np.array(NAMES)[held]])
    )
    assert table[OVERALL, "ap_macro_held"] * held.sum() == pytest.approx(table[OVERALL, "ap_macro"] * len(NAMES))
    for ours, theirs in (("micro", "micro"), ("macro", "macro"), ("sample", "samples")):
        assert table[OVERALL, f"f2_{ours}"] == pytest.approx(
            metrics.fbeta_score(labels, decided, beta=2, average=theirs, zero_division=0)
        )
    assert table[OVERALL, "hamming"] == pytest.approx(metrics.hamming_loss(labels, decided))
    assert table[OVERALL, "subset"] == pytest.approx(metrics.accuracy_score(labels, decided))


def test_scores_of_a_case_worked_by_hand() -> None:
    """Decisions: a 2 right, 1 missed; b 1 right, 1 wrong. Pooled: tp 3, fp 1, fn 1."""
    labels = np.array([[1, 1], [1, 0], [1, 0]])
    probabilities = np.array([[0.9, 0.8], [0.7, 0.6], [0.1, 0.2]])
    table = as_table(classification_metrics(labels, probabilities, np.array([0.5, 0.5]), ("a", "b")))
    assert table["a", "f1"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert table["a", "f2"] == pytest.approx(5 * 2 / (5 * 2 + 4 * 1))
    assert table["b", "precision"] == 0.5 and table["b", "recall"] == 1
    assert table[OVERALL, "f1_micro"] == pytest.approx(6 / 8)
    assert table[OVERALL, "f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert table[OVERALL, "hamming"] == pytest.approx(2 / 6)
    assert table[OVERALL, "subset"] == pytest.approx(1 / 3)


def test_class_that_no_patch_holds_counts_as_zero_without_a_warning() -> None:
    table = as_table(classification_metrics(np.zeros((3, 2)), np.full((3, 2), 0.1), np.array([0.5, 0.5]), ("a", "b")))
    assert {value for (_, metric), value in table.items() if metric.startswith(("f", "p", "r", "ap"))} == {0}
    assert table[OVERALL, "subset"] == 1


@given(seed=st.integers(0, 10**6), parts=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_counts_of_parts_add_up_to_the_f1_of_all(seed: int, parts: int) -> None:
    labels, probabilities, thresholds = random_case(seed, patches=17)
    decided = probabilities >= thresholds
    counts = sum(count_decisions(labels[part::parts], decided[part::parts]) for part in range(parts))
    scores = f1_from_counts(counts)
    for average in ("micro", "macro"):
        assert scores[f"f1_{average}"] == pytest.approx(
            metrics.f1_score(labels, decided, average=average, zero_division=0)
        )


@pytest.mark.parametrize(
    "labels, probabilities, message",
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), r"must be \(N, 2\); got \(3, 2\) and \(3, 1\)"),
        (np.zeros((3, 3)), np.zeros((3, 3)), r"must be \(N, 2\); got \(3, 3\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "no patch to measure"),
        (np.zeros((1, 2)), np.array([[0.1, np.nan]]), "probabilities must be finite"),
    ],
)
def test_bad_input_is_an_error(labels: np.ndarray, probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, probabilities, np.array([0.5, 0.5]), ("a", "b"))


def test_one_class_alone_is_an_error() -> None:
    with pytest.raises(ValueError, match="two classes or more are needed; got 1"):
        classification_metrics(np.ones((3, 1)), np.ones((3, 1)), np.array([0.5]), ("a",))


@given(seed=st.integers(0, 10**6), parts=st.integers(1, 3))
@settings(max_examples=20)
def test_average_precision_from_counts_is_that_of_rounded_scores(seed: int, parts: int) -> None:
    """Also of scores beyond those that are told apart, and if the counts of batches are added."""
    rng = np.random.default_rng(seed)
    labels = rng.random((40, 3)) < 0.3
    labels[:, 2] = False
    labels[0, :2] = True
    logits = rng.normal(0, 9, (40, 3))
    batches = zip(np.array_split(labels, parts), np.array_split(logits, parts), strict=True)
    precisions = average_precision_from_counts(sum(count_scores(*batch) for batch in batches))
    half = SCORES * SCORE_STEP / 2
    rounded = np.floor(logits.clip(-half, half - SCORE_STEP) / SCORE_STEP)
    for index in range(2):
        assert precisions[index] == pytest.approx(metrics.average_precision_score(labels[:, index], rounded[:, index]))
    assert np.isnan(precisions[2])
