"""Metrics of multi-label predictions: F1, F2, precision, recall, average precision, Hamming loss.

All values are scikit-learn's. They are computed from the labels and probabilities of all patches together, never as
means over ranks or batches. Labels are (N, C) of 0 and 1, probabilities (N, C) float. A class is predicted if its
probability is at least its threshold. With true positives tp, false positives fp and false negatives fn:

    precision  tp / (tp + fp)                recall  tp / (tp + fn)
    f_beta     (1 + beta^2) tp / ((1 + beta^2) tp + beta^2 fn + fp);  f1: beta = 1, f2: beta = 2
    ap         sum_n (R_n - R_(n-1)) P_n over the thresholds n, with precision P and recall R
    hamming    share of the N * C decisions that are wrong
    subset     share of the patches with all classes right
    support    number of patches that hold the class

Higher is better, except for `hamming`. `micro` pools the counts of all classes, `macro` is the mean over classes,
`sample` the mean over patches. 0 / 0 counts as 0: a class that no patch holds has F1 and AP 0, and lowers the macro
averages. `f1_macro_held` and `ap_macro_held` leave such classes out.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

OVERALL = "all"  # in place of a class's name
SCORES, SCORE_STEP = 512, 1 / 16  # of `count_scores`: logits from -16 to 16
AVERAGES = {"micro": "micro", "macro": "macro", "sample": "samples"}  # our name -> scikit-learn's


class ClassMetric(NamedTuple):
    """One row of a table of metrics; class `all` is the value for all classes together."""

    name: str
    metric: str
    value: float


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray, class_names: Sequence[str]
) -> list[ClassMetric]:
    """Return every metric, for all classes together and for each class.

    Args:
        labels: (N, C) of 0 and 1.
        probabilities: (N, C), 0 to 1.
        thresholds: (C,), the least probability at which each class is predicted.
        class_names: C names in the order of the columns.

    Returns:
        First the rows of class `all`, then class by class.

    Raises:
        ValueError: shapes do not fit, there is no patch or only one class, or a probability is not finite.
    """
    from sklearn import metrics

    labels = np.asarray(labels).astype(bool)
    check_shapes(labels, probabilities, class_names)
    if len(class_names) < 2:
        raise ValueError(
            f"two classes or more are needed; got {len(class_names)}."
        )  # scikit-learn would score 0 and 1 as two classes
    decided = probabilities >= np.asarray(thresholds)
    rows = [
        ClassMetric(OVERALL, f"{metric}_{average}", value)
        for average in AVERAGES
        for metric, value in decision_scores(labels, decided, AVERAGES[average]).items()
    ]
    precisions = average_precision(labels, probabilities)
    rows += [
        ClassMetric(OVERALL, "ap_micro", pooled_average_precision(labels, probabilities)),
        ClassMetric(OVERALL, "ap_macro", float(precisions.mean())),
        ClassMetric(OVERALL, "hamming", float(metrics.hamming_loss(labels, decided))),
        ClassMetric(OVERALL, "subset", float(metrics.accuracy_score(labels, decided))),
        ClassMetric(OVERALL, "support", len(labels)),
    ]
    by_class = decision_scores(labels, decided, None) | {"ap": precisions, "support": labels.sum(axis=0)}
    held = labels.any(axis=0)
    rows += [
        ClassMetric(OVERALL, f"{metric}_macro_held", float(by_class[metric][held].mean()) if held.any() else 0.0)
        for metric in ("f1", "ap")
    ]
    for index, name in enumerate(class_names):
        rows += [ClassMetric(name, metric, float(values[index])) for metric, values in by_class.items()]
    return rows


def decision_scores(labels: np.ndarray, decided: np.ndarray, average: str | None) -> dict:
    """Return F1, F2, precision and recall; `average` is scikit-learn's, None gives one value for each class."""
    from sklearn import metrics

    settings = {"average": average, "zero_division": 0}
    return {
        "f1": metrics.f1_score(labels, decided, **settings),
        "f2": metrics.fbeta_score(labels, decided, beta=2, **settings),
        "precision": metrics.precision_score(labels, decided, **settings),
        "recall": metrics.recall_score(labels, decided, **settings),
    }


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the average precision of each class, (C,); 0 for a class that no patch holds."""
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No positive class found")
        return np.array(
            [
                metrics.average_precision_score(labels[:, index], probabilities[:, index])
                for index in range(labels.shape[1])
            ]
        )


def pooled_average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the average precision of the decisions of all classes together; 0 if no patch holds a class."""
    from sklearn import metrics

    if not labels.any():
        return 0.0
    return float(metrics.average_precision_score(labels, probabilities, average="micro"))


def count_decisions(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return true positives, false positives and false negatives of each class, (3, C) int.

    The sum over batches equals the counts of all their patches.
    """
    labels, decided = np.asarray(labels).astype(bool), np.asarray(decided).astype(bool)
    return np.stack([(labels & decided).sum(axis=0), (~labels & decided).sum(axis=0), (labels & ~decided).sum(axis=0)])


def f1_from_counts(counts: np.ndarray) -> dict[str, float]:
    """Return `f1_micro` and `f1_macro` from the result of `count_decisions`; they equal scikit-learn's."""
    tp, fp, fn = np.asarray(counts, dtype=np.float64)
    denominator = 2 * tp + fp + fn
    by_class = np.divide(2 * tp, denominator, out=np.zeros_like(tp), where=denominator > 0)
    return {"f1_micro": float(2 * tp.sum() / max(denominator.sum(), 1)), "f1_macro": float(by_class.mean())}


def count_scores(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return how many decisions without and with the class have each score, (2, C, SCORES) int.

    A score is a logit, rounded down to a multiple of SCORE_STEP. The sum over batches equals the counts of all their patches.
    """
    labels = np.asarray(labels).astype(bool)
    scores = np.clip(np.floor(np.asarray(logits) / SCORE_STEP) + SCORES // 2, 0, SCORES - 1).astype(np.int64)
    counts = np.zeros((2, labels.shape[1], SCORES), np.int64)
    np.add.at(counts, (labels.astype(np.int64), np.arange(labels.shape[1]), scores), 1)
    return counts


def average_precision_from_counts(counts: np.ndarray) -> np.ndarray:
    """Return the average precision of each class from the result of `count_scores`, (C,); NaN for a class that no patch holds.

    It equals scikit-learn's for the rounded scores.
    """
    absent, present = np.asarray(counts, dtype=np.float64)[..., ::-1]  # the highest score first
    found, total = present.cumsum(axis=-1), (absent + present).cumsum(axis=-1)
    precision = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
    held = found[:, -1]
    return np.divide((precision * present).sum(axis=-1), held, out=np.full_like(held, np.nan), where=held > 0)


def check_shapes(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]) -> None:
    """Raise ValueError if labels, probabilities and names do not fit, or a probability is not finite."""
    if labels.ndim != 2 or labels.shape != np.shape(probabilities) or labels.shape[1] != len(class_names):
        raise ValueError(
            f"labels and probabilities must be (N, {len(class_names)}); got {labels.shape} and "
            f"{np.shape(probabilities)}."
        )
    if not len(labels):
        raise ValueError("there is no patch to measure.")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite, and the network returned NaN or infinity; train again.")
