"""Validation: sums over batches give the loss and F1 of all patches together."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from bigearthnet.training.losses import build_loss
from bigearthnet.training.validation import ValidationSums, summarize_validation

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
