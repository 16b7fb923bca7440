"""Losses: against their equations, against each other, far from zero, and after a round trip."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bigearthnet.training.config import LOSSES
from bigearthnet.training.losses import (
    HIGHEST_WEIGHT,
    AsymmetricLoss,
    WeightedCrossEntropy,
    build_loss,
    present_weights,
)
from common.errors import SettingError

COUNTS = np.array([50, 10, 0])


def case(seed: int = 0, patches: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Labels and logits, (patches, 3) float32."""
    rng = np.random.default_rng(seed)
    return (rng.random((patches, 3)) < 0.4).astype(np.float32), rng.normal(0, 3, (patches, 3)).astype(np.float32)


def value(loss: keras.losses.Loss, labels: np.ndarray, logits: np.ndarray) -> float:
    return float(loss(labels, logits))


def test_weighted_follows_its_equation() -> None:
    labels, logits = case()
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    weights = present_weights(COUNTS, 100)
    np.testing.assert_allclose(weights, [1, 9, HIGHEST_WEIGHT])
    expected = -(weights * labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean()
    assert value(WeightedCrossEntropy(weights), labels, logits) == pytest.approx(expected, rel=1e-5)


def test_asymmetric_follows_its_equation() -> None:
    labels, logits = case(1)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    shifted = np.maximum(p - 0.05, 0)
    expected = -(labels * (1 - p) ** 1 * np.log(p) + (1 - labels) * shifted**4 * np.log(1 - shifted)).mean()
    assert value(AsymmetricLoss(4, 1, 0.05), labels, logits) == pytest.approx(expected, rel=1e-4)


def test_without_weights_all_are_plain_cross_entropy() -> None:
    labels, logits = case(2)
    plain = value(build_loss("bce", COUNTS, 100), labels, logits)
    assert value(WeightedCrossEntropy([1, 1, 1]), labels, logits) == pytest.approx(plain, rel=1e-5)
    assert value(AsymmetricLoss(0, 0, 0), labels, logits) == pytest.approx(plain, rel=1e-4)


def test_easy_absent_classes_count_nothing_in_the_asymmetric_loss() -> None:
    logits = np.full((1, 3), -4, np.float32)  # probability 0.018, below the margin
    assert value(AsymmetricLoss(), np.zeros((1, 3), np.float32), logits) == 0


def test_focal_counts_easy_decisions_less() -> None:
    labels, logits = np.ones((1, 3), np.float32), np.full((1, 3), 3, np.float32)
    assert value(build_loss("focal", COUNTS, 100), labels, logits) < 0.01 * value(
        build_loss("bce", COUNTS, 100), labels, logits
    )


@pytest.mark.parametrize("name", LOSSES)
def test_finite_far_from_zero(name: str) -> None:
    """The gradients as well: float32 rounds these probabilities to 0 or 1."""
    labels = tf.constant([[1.0, 0, 1], [0, 1, 0]])
    logits = tf.Variable([[-200.0, 200, 200], [-200, 30, -30]])
    with tf.GradientTape() as tape:
        loss = build_loss(name, COUNTS, 100)(labels, logits)
    assert np.isfinite(float(loss)) and float(loss) > 0
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()


@pytest.mark.parametrize("name", LOSSES)
def test_round_trip_and_sum_by_patch(name: str) -> None:
    loss = build_loss(name, COUNTS, 100)
    again = type(loss).from_config(loss.get_config())
    labels, logits = case(3)
    assert value(again, labels, logits) == value(loss, labels, logits)
    by_patch = np.asarray(loss.call(tf.constant(labels), tf.constant(logits)))
    assert by_patch.shape == (5,)
    assert by_patch.mean() == pytest.approx(value(loss, labels, logits), rel=1e-5)


def test_unknown_name() -> None:
    with pytest.raises(SettingError, match="unknown loss 'hinge'; expected one of bce, weighted, focal, asymmetric"):
        build_loss("hinge", COUNTS, 100)
