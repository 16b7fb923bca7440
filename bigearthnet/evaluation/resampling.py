"""Scores of predictions, and how they change with the test patches: the same scores of resampled patches. NumPy only.

A resample draws as many patches as there are, with replacement (Efron 1979). It is a weight for each patch: how often the
patch was drawn. Scores follow the formulas of `common/metrics/multilabel.py`; with all weights 1 they equal it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bigearthnet.evaluation.support import Support
from common.studies.intervals import unit_resamples

RESAMPLES, CHUNK = 200, 20  # resamples in all, and at once
AVERAGES = ("f1_micro", "f1_macro", "f1_macro_held", "f1_sample", "ap_micro", "ap_macro", "ap_macro_held")


class Decisions(NamedTuple):
    """Labels and predictions of N patches.

    Attributes:
        labels: (N, C) bool.
        decided: (N, C) bool, the predicted classes.
        probabilities: (N, C) float.
    """

    labels: np.ndarray
    decided: np.ndarray
    probabilities: np.ndarray


class Scores(NamedTuple):
    """Scores of R resamples.

    Attributes:
        averages: metric -> (R,); NaN if no class counts. `f1_macro_held` and `ap_macro_held` are means over the classes with
            test patches. `f1_rare`, `ap_rare` and so on are means over the classes of a group that have test patches.
        f1, ap: (R, C), by class; NaN for classes without test patches.
    """

    averages: dict[str, np.ndarray]
    f1: np.ndarray
    ap: np.ndarray


def all_patches(decisions: Decisions, support: Support) -> Scores:
    """Return the scores of all patches, each once: R = 1."""
    return weighted_scores(decisions, np.ones((1, len(decisions.labels))), support)


def resampled_averages(decisions: Decisions, support: Support, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the averages of resamples: metric -> (RESAMPLES,). Equal seeds draw equal resamples of N patches."""
    parts = [weighted_scores(decisions, weights, support).averages for weights in _weights(len(decisions.labels), seed)]
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}


def _weights(patches: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each patch is drawn, (CHUNK, patches), RESAMPLES in all."""
    rng = np.random.default_rng(seed)
    for _ in range(0, RESAMPLES, CHUNK):
        yield np.stack([np.bincount(drawn, minlength=patches) for drawn in unit_resamples(patches, CHUNK, rng)])


def weighted_scores(decisions: Decisions, weights: np.ndarray, support: Support) -> Scores:
    """Return the scores if each patch counts as often as its weight says.

    Args:
        decisions: of N patches.
        weights: (R, N), at least 0.
        support: of the classes; a class without test patches has no score by itself.
    """
    weights = np.asarray(weights, np.float64)
    labels, decided, probabilities = decisions
    tp, held = weights @ (labels & decided), weights @ labels
    doubled = held + weights @ decided  # 2 tp + fp + fn
    f1 = np.divide(2 * tp, doubled, out=np.zeros_like(tp), where=doubled > 0)
    ap = np.stack(
        [average_precision(labels[:, c], probabilities[:, c], weights) for c in range(labels.shape[1])], axis=1
    )
    f1_of_patches = _ratio(2 * (labels & decided).sum(axis=1), (labels.sum(axis=1) + decided.sum(axis=1)))
    own_f1, own_ap = (np.where(held > 0, scores, np.nan) for scores in (f1, ap))
    averages = {
        "f1_micro": _ratio(2 * tp.sum(axis=1), doubled.sum(axis=1)),
        "f1_macro": f1.mean(axis=1),
        "f1_macro_held": mean_of_held(own_f1, support.is_tested),
        "f1_sample": weights @ f1_of_patches / weights.sum(axis=1),
        "ap_micro": average_precision(labels.ravel(), probabilities.ravel(), weights.repeat(labels.shape[1], axis=1)),
        "ap_macro": np.nan_to_num(ap).mean(axis=1),
        "ap_macro_held": mean_of_held(own_ap, support.is_tested),
    }
    averages |= group_averages("f1", own_f1, support.groups) | group_averages("ap", own_ap, support.groups)
    return Scores(averages, own_f1, own_ap)


def group_averages(metric: str, scores: np.ndarray, groups: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the mean over the classes of each group: `<metric>_<group>` -> (R,)."""
    return {f"{metric}_{name}": mean_of_held(scores, of_group) for name, of_group in groups.items()}


def mean_of_held(scores: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the mean over the chosen classes that have a score, (R,); NaN if there is none."""
    of_chosen = scores[:, chosen]
    counts = np.isfinite(of_chosen).sum(axis=1)
    return np.divide(np.nansum(of_chosen, axis=1), counts, out=np.full(len(scores), np.nan), where=counts > 0)


def average_precision(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average precision of one class for each resample, (R,); NaN where no patch holds the class.

    Args:
        truth: (N,) bool.
        scores: (N,); equal ones count together, as in scikit-learn.
        weights: (R, N).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    drawn = weights[:, order]
    found, total = (np.cumsum(values, axis=1)[:, ends] for values in (drawn * truth[order], drawn))
    precision = _ratio(found, total)
    held = found[:, -1]
    gained = np.diff(found, axis=1, prepend=0)
    return np.divide((gained * precision).sum(axis=1), held, out=np.full(len(weights), np.nan), where=held > 0)


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return one / other; 0 where other is 0."""
    return np.divide(one, other, out=np.zeros(np.shape(one)), where=np.asarray(other) > 0)
