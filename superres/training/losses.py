"""Losses of super-resolution training by name. x is the target, y the estimate, in network units. Lower is better.

    l1            mean |x - y|                     as in the DSen2 paper
    charbonnier   mean sqrt((x - y)^2 + e^2) - e   e = 0.01, 20 DN; smooth at zero, unlike l1 (Charbonnier et al. 1994)
    l2            mean (x - y)^2                   large errors have the most weight

Clouds and roofs can be ten times as bright as other pixels, and errors grow with reflectance. Each pixel and band can
therefore be weighted by max(x, 0.5)^p. With p = 1 bright pixels get more weight; with p = -1 the loss is about relative
errors. A ceiling makes brighter targets and predictions count as bright as the ceiling: a few clouds then have no
more weight than other bright ground.
"""

from collections.abc import Callable

import keras
from keras import ops

from common.errors import SettingError
from superres.networks.units import DN_DIVISOR

CHARBONNIER_EPSILON = 0.01
DARKEST = 0.5  # 1,000 DN; darker pixels get the weight of this value, because relative errors over water mean little
PixelLoss = Callable[
    [keras.KerasTensor, keras.KerasTensor], keras.KerasTensor
]  # target, estimate (B, H, W, C) -> scalar, float32
PIXEL_LOSSES: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "l1": ops.abs,
    "charbonnier": lambda error: ops.sqrt(error**2 + CHARBONNIER_EPSILON**2) - CHARBONNIER_EPSILON,
    "l2": ops.square,
}


def pixel_loss(name: str, brightness_power: float = 0.0, ceiling: float | None = None) -> PixelLoss:
    """Return a loss by name. It is a mean over all pixels and bands, so that ranks with equal batches can be averaged.

    Args:
        name: one of PIXEL_LOSSES.
        brightness_power: p above; 0 weights all pixels equally.
        ceiling: reflectance * 10000 above which the loss sees no difference; None: no ceiling.

    Raises:
        SettingError: the name is unknown.
    """
    if name not in PIXEL_LOSSES:
        raise SettingError(f"unknown loss {name!r}; expected one of {', '.join(PIXEL_LOSSES)}.")

    def loss(target: keras.KerasTensor, estimate: keras.KerasTensor) -> keras.KerasTensor:
        target, estimate = ops.cast(target, "float32"), ops.cast(estimate, "float32")
        if ceiling is not None:
            target, estimate = (ops.minimum(image, ceiling / DN_DIVISOR) for image in (target, estimate))
        losses = PIXEL_LOSSES[name](target - estimate)
        if brightness_power:
            losses *= ops.maximum(target, DARKEST) ** brightness_power
        return ops.mean(losses)

    return loss
