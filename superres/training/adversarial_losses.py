"""The terms of adversarial training: what generator and discriminator minimise, and the spectral angle.

Scores are (B, rows, cols, 1) float32, one for each part of a patch that the discriminator sees: of the truth (`real`)
and of the estimate (`fake`). Means are over a rank's batch; all losses are better when lower.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

import common.distributed as hvd

NORM_FLOOR = 1e-6  # network units; a spectrum darker than this has no angle


class AdversarialTerms(NamedTuple):
    """Scalars float32.

    Attributes:
        generator: what the generator minimises.
        discriminator: what the discriminator minimises.
        accuracy: share of the scores, of truth and estimate alike, that lie on the right side; 0.5 is guessing.
    """

    generator: tf.Tensor
    discriminator: tf.Tensor
    accuracy: tf.Tensor


def least_squares(real: tf.Tensor, fake: tf.Tensor) -> AdversarialTerms:
    """Least-squares loss: truth should score 1, estimates 0.

    L_D = 1/2 E[(D(x_r) - 1)^2] + 1/2 E[D(x_f)^2],  L_G = 1/2 E[(D(x_f) - 1)^2]   (Mao et al. 2017, arXiv:1611.04076)
    """
    return AdversarialTerms(
        tf.reduce_mean((fake - 1) ** 2) / 2,
        tf.reduce_mean((real - 1) ** 2) / 2 + tf.reduce_mean(fake**2) / 2,
        share_right(real - 0.5, fake - 0.5),
    )


def relativistic(real: tf.Tensor, fake: tf.Tensor) -> AdversarialTerms:
    """Relativistic average loss: truth should score higher than estimates do in the mean, by cross-entropy.

    L_D = -E[log s(C(x_r) - E C(x_f))] - E[log(1 - s(C(x_f) - E C(x_r)))], s the sigmoid; L_G with truth and estimate
    exchanged (Jolicoeur-Martineau 2018, arXiv:1807.00734). The inner means are over the batches of all ranks: each term
    stands against one mean, so a mean over ranks of losses with their own means would not be the loss of the joined batch.
    """
    real_mean, fake_mean = tf.unstack(hvd.allreduce_average(tf.stack([tf.reduce_mean(real), tf.reduce_mean(fake)])))
    truer, falser = real - fake_mean, fake - real_mean
    return AdversarialTerms(
        tf.reduce_mean(tf.nn.softplus(truer)) + tf.reduce_mean(tf.nn.softplus(-falser)),
        tf.reduce_mean(tf.nn.softplus(-truer)) + tf.reduce_mean(tf.nn.softplus(falser)),
        share_right(truer, falser),
    )


def share_right(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Share of the scores whose sign tells truth (positive) from estimate."""
    return tf.reduce_mean(tf.cast(tf.concat([real > 0, fake < 0], axis=0), tf.float32))


ADVERSARIAL_LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], AdversarialTerms]] = {
    "least-squares": least_squares,
    "relativistic": relativistic,
}


def spectral_loss(target: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """E[1 - cos angle(target, estimate)] over the spectra of all pixels, (B, rows, cols, bands) -> scalar.

    About half the square of the spectral angle (SAM) in radians, whose own slope has no limit where it vanishes.
    """
    # 1 - cos = |a/|a| - b/|b||^2 / 2, which keeps its digits at small angles.
    units = [
        image * tf.math.rsqrt(tf.reduce_sum(image**2, axis=-1, keepdims=True) + NORM_FLOOR**2)
        for image in (target, estimate)
    ]
    return tf.reduce_mean(tf.reduce_sum((units[0] - units[1]) ** 2, axis=-1)) / 2
