"""Validation: sums over batches give loss, F1 and average precision of all patches together; the best epoch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from bigearthnet.training.config import BEST_BY
from bigearthnet.training.losses import build_loss
from bigearthnet.training.validation import ValidationSums, rule_of_best, summarize_validation

PATCHES, CLASSES, THRESHOLD = 11, 3, 0.4


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Logits, which a model without layers hands on, and labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (PATCHES, CLASSES)).astype(np.float32)
    return logits, (rng.random((PATCHES, CLASSES)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("batch_size", [PATCHES, 4])
@pytest.mark.parametrize("loss_name", ["bce", "asymmetric"])
def test_sums_over_batches_are_those_of_all_patches(
    data: tuple[np.ndarray, np.ndarray], batch_size: int, loss_name: str
) -> None:
    logits, labels = data
    image = keras.Input((CLASSES,), name="s1")
    model = keras.Model({"s1": image}, keras.layers.Identity()(image))
    loss = build_loss(loss_name, labels.sum(axis=0), PATCHES)
    batch_sums = ValidationSums(loss, THRESHOLD)
    sums = sum(
        batch_sums(
            model,
            ({"s1": tf.constant(logits[first : first + batch_size])}, tf.constant(labels[first : first + batch_size])),
        )
        for first in range(0, PATCHES, batch_size)
    )
    summary = summarize_validation(sums)
    decided = 1 / (1 + np.exp(-logits)) >= THRESHOLD
    assert summary["val_loss"] == pytest.approx(float(loss(labels, logits)), rel=1e-5)
    for average in ("micro", "macro"):
        assert summary[f"val_f1_{average}"] == pytest.approx(metrics.f1_score(labels, decided, average=average))
    assert summary["val_ap_macro"] == pytest.approx(metrics.average_precision_score(labels, logits), abs=0.01)
    assert {f"val_{name}" for name in BEST_BY} == summary.keys()


def test_average_precision_leaves_out_classes_without_a_patch() -> None:
    """The last class is in no patch; the others are ranked without a mistake."""
    labels = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    image = keras.Input((CLASSES,), name="s1")
    model = keras.Model({"s1": image}, keras.layers.Identity()(image))
    batch_sums = ValidationSums(build_loss("bce", labels.sum(axis=0), 2), THRESHOLD)
    for held, precision in ((labels, 1.0), (0 * labels, 0.0)):
        batch = ({"s1": tf.constant(8 * labels - 4)}, tf.constant(held))
        assert summarize_validation(batch_sums(model, batch))["val_ap_macro"] == precision


@pytest.mark.parametrize("best_by", BEST_BY)
def test_the_best_epoch_has_the_lowest_loss_or_the_highest_score(best_by: str) -> None:
    rule, name = rule_of_best(best_by), f"val_{best_by}"
    rows = [{"loss": 1.0, name: 0.2}, {"loss": 1.0, name: 0.3}]
    assert rule(rows) == (best_by != "loss")
    assert rule(rows[::-1]) == (best_by == "loss")
