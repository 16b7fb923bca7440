"""Losses of super-resolution training, chosen by name; x = target, y = estimate, in network units. Lower is better.

    l1            mean |x - y|                            as in the DSen2 paper
    charbonnier   mean sqrt((x - y)^2 + e^2) - e          e = 0.01, 20 DN: smooth where l1 has its kink (Charbonnier et al. 1994)
    l2            mean (x - y)^2                          the largest errors count most

Sentinel-2 has pixels, of clouds and roofs, ten times as bright as others, and errors grow with reflectance. Each pixel
and band can be weighted by max(x, 0.5)^p: with p = 1 bright ones count more, with p = -1 relative errors count.
"""

from collections.abc import Callable

import tensorflow as tf

from common.errors import SettingError

CHARBONNIER_EPSILON = 0.01
DARKEST = 0.5  # 1,000 DN; darker pixels are weighted as this: relative errors of water say nothing
PixelLoss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # target, estimate (B, H, W, C) -> scalar, float32
PIXEL_LOSSES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "l1": tf.abs,
    "charbonnier": lambda error: tf.sqrt(error**2 + CHARBONNIER_EPSILON**2) - CHARBONNIER_EPSILON,
    "l2": tf.square,
}


def pixel_loss(kind: str, brightness_power: float = 0.0) -> PixelLoss:
    """A loss by name: the mean over all pixels and bands, so that ranks with equal batches can be averaged.

    Args:
        kind: one of PIXEL_LOSSES.
        brightness_power: p above; 0 weights all alike.

    Raises:
        SettingError: the kind is unknown.
    """
    if kind not in PIXEL_LOSSES:
        raise SettingError(f"unknown loss {kind!r}; expected one of {', '.join(PIXEL_LOSSES)}.")

    def loss(target: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        target = tf.cast(target, tf.float32)
        losses = PIXEL_LOSSES[kind](target - tf.cast(estimate, tf.float32))
        if brightness_power:
            losses *= tf.maximum(target, DARKEST) ** brightness_power
        return tf.reduce_mean(losses)

    return loss
