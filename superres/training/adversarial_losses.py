"""Losses of adversarial training: of the generator, of the discriminator, and of the spectral angle.

Scores are (B, rows, cols, 1) float32, one for each overlapping part of a patch: `real` for the target, `fake` for the
generator's estimate. Means are over the batch of one rank. Lower is better for all losses.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

import common.distributed as hvd

NORM_FLOOR = 1e-6  # network units; darker spectra have no defined angle


class AdversarialTerms(NamedTuple):
    """The adversarial losses of one batch, scalars float32.

    Attributes:
        generator: loss that the generator minimises.
        discriminator: loss that the discriminator minimises.
        accuracy: share of all scores, of targets and estimates, on the correct side; 0.5 is guessing.
    """

    generator: tf.Tensor
    discriminator: tf.Tensor
    accuracy: tf.Tensor


def least_squares(real: tf.Tensor, fake: tf.Tensor) -> AdversarialTerms:
    """Return the least-squares losses: targets should score 1, estimates 0.

    L_D = 1/2 E[(D(x_r) - 1)^2] + 1/2 E[D(x_f)^2],  L_G = 1/2 E[(D(x_f) - 1)^2]   (Mao et al. 2017, arXiv:1611.04076)
    """
    return AdversarialTerms(
        generator=tf.reduce_mean((fake - 1) ** 2) / 2,
        discriminator=tf.reduce_mean((real - 1) ** 2) / 2 + tf.reduce_mean(fake**2) / 2,
        accuracy=share_correct(real - 0.5, fake - 0.5),
    )


def relativistic(real: tf.Tensor, fake: tf.Tensor) -> AdversarialTerms:
    """Return the relativistic average losses: targets should score higher than the mean estimate, by cross-entropy.

    L_D = -E[log s(C(x_r) - E C(x_f))] - E[log(1 - s(C(x_f) - E C(x_r)))], with the sigmoid s; L_G is L_D with real and
    fake exchanged (Jolicoeur-Martineau 2018, arXiv:1807.00734). The inner means are over the batches of all ranks.
    Otherwise the mean of the ranks' losses would differ from the loss of the joined batch.
    """
    real_mean, fake_mean = tf.unstack(hvd.allreduce_average(tf.stack([tf.reduce_mean(real), tf.reduce_mean(fake)])))
    relative_real, relative_fake = real - fake_mean, fake - real_mean
    return AdversarialTerms(
        generator=tf.reduce_mean(tf.nn.softplus(relative_real)) + tf.reduce_mean(tf.nn.softplus(-relative_fake)),
        discriminator=tf.reduce_mean(tf.nn.softplus(-relative_real)) + tf.reduce_mean(tf.nn.softplus(relative_fake)),
        accuracy=share_correct(relative_real, relative_fake),
    )


def share_correct(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Return the share of scores with the correct sign: positive for targets, negative for estimates; scalar float32."""
    return tf.reduce_mean(tf.cast(tf.concat([real > 0, fake < 0], axis=0), tf.float32))


ADVERSARIAL_LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], AdversarialTerms]] = {
    "least-squares": least_squares,
    "relativistic": relativistic,
}


def spectral_loss(target: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Return E[1 - cos angle(target, estimate)] over the spectra of all pixels, (B, rows, cols, bands) -> scalar.

    For small angles this is about half the square of the spectral angle (SAM) in radians. The angle itself has an
    unbounded gradient at zero.
    """
    # 1 - cos = |a/|a| - b/|b||^2 / 2, which stays exact at small angles.
    unit_target, unit_estimate = (
        image * tf.math.rsqrt(tf.reduce_sum(image**2, axis=-1, keepdims=True) + NORM_FLOOR**2)
        for image in (target, estimate)
    )
    return tf.reduce_mean(tf.reduce_sum((unit_target - unit_estimate) ** 2, axis=-1)) / 2
