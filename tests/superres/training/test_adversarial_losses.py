"""Adversarial losses against their formulas in NumPy, and the spectral term against SAM."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from superres.training.adversarial_losses import (
    ADVERSARIAL_LOSSES,
    least_squares,
    relativistic,
    spectral_loss,
)
from superres.training.config import ADVERSARIAL_LOSS_NAMES


def scores(shift: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 0.3, (3, 4, 4, 1)).astype(np.float32)


def test_least_squares() -> None:
    real, fake = scores(0.7, 0), scores(0.3, 1)
    losses = least_squares(tf.constant(real), tf.constant(fake))
    assert float(losses.generator) == pytest.approx(np.mean((fake - 1) ** 2) / 2)
    assert float(losses.discriminator) == pytest.approx(np.mean((real - 1) ** 2) / 2 + np.mean(fake**2) / 2)
    assert float(losses.accuracy) == pytest.approx((np.mean(real > 0.5) + np.mean(fake < 0.5)) / 2)


def test_relativistic() -> None:
    real, fake = scores(2.0, 0), scores(1.0, 1)
    losses = relativistic(tf.constant(real), tf.constant(fake))
    relative_real, relative_fake = (1 / (1 + np.exp(-x)) for x in (real - fake.mean(), fake - real.mean()))
    assert float(losses.discriminator) == pytest.approx(
        -np.log(relative_real).mean() - np.log(1 - relative_fake).mean(), rel=1e-5
    )
    assert float(losses.generator) == pytest.approx(
        -np.log(relative_fake).mean() - np.log(1 - relative_real).mean(), rel=1e-5
    )
    moved = relativistic(tf.constant(real + 5), tf.constant(fake + 5))
    np.testing.assert_allclose(moved, losses, rtol=1e-4)  # only differences count


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES.values(), ids=ADVERSARIAL_LOSSES)
def test_losses_of_good_and_useless_discriminators(loss: Callable) -> None:
    apart, mixed = (loss(tf.constant(scores(0.5 + d, 0)), tf.constant(scores(0.5 - d, 1))) for d in (2, 0))
    assert apart.accuracy == 1 and 0.3 < mixed.accuracy < 0.7
    assert apart.generator > mixed.generator


def test_spectral_loss() -> None:
    rng = np.random.default_rng(0)
    target, estimate = (rng.uniform(0.1, 1, (2, 5, 5, 6)).astype(np.float32) for _ in range(2))
    norms = np.linalg.norm(target, axis=-1) * np.linalg.norm(estimate, axis=-1)
    expected = np.mean(1 - (target * estimate).sum(axis=-1) / norms)
    assert float(spectral_loss(tf.constant(target), tf.constant(estimate))) == pytest.approx(expected, rel=1e-4)
    assert float(spectral_loss(tf.constant(target), tf.constant(3 * target))) == pytest.approx(0, abs=1e-10)


def test_spectral_loss_has_a_finite_gradient_for_equal_and_for_zero_spectra() -> None:
    target = tf.constant(np.stack([np.ones((1, 2, 6)), np.zeros((1, 2, 6))]), tf.float32)
    estimate = tf.Variable(target)
    with tf.GradientTape() as tape:
        loss = spectral_loss(target, estimate)
    assert np.isfinite(tape.gradient(loss, estimate)).all()


def test_the_option_offers_every_loss() -> None:
    assert tuple(ADVERSARIAL_LOSSES) == ADVERSARIAL_LOSS_NAMES
