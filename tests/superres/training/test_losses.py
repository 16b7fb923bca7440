"""Losses by name, against their equations in NumPy."""

import numpy as np
import pytest

from common.errors import SettingError
from superres.training.config import PIXEL_LOSS_NAMES
from superres.training.losses import PIXEL_LOSSES, pixel_loss

EQUATIONS = {
    "l1": np.abs,
    "charbonnier": lambda error: np.sqrt(error**2 + 0.01**2) - 0.01,
    "l2": np.square,
}


@pytest.mark.parametrize("power", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_equations(name: str, power: float) -> None:
    rng = np.random.default_rng(0)
    target, estimate = rng.uniform(0, 4, (2, 3, 4, 4, 6))
    weights = np.maximum(target, 0.5) ** power
    loss = float(pixel_loss(name, power)(target.astype(np.float32), estimate.astype(np.float32)))
    assert loss == pytest.approx((weights * EQUATIONS[name](target - estimate)).mean(), rel=1e-5)
    assert float(pixel_loss(name, power)(target, target)) == pytest.approx(0, abs=1e-7)


def test_brightness_power_weighs_bright_pixels() -> None:
    """The same relative error at a pixel ten times as bright: equal for -1, ten times as much for each step up."""
    dark, bright = (np.full((1, 1, 1, 1), value, np.float32) for value in (0.6, 6))
    ratios = [
        float(pixel_loss("l1", power)(bright, 1.1 * bright)) / float(pixel_loss("l1", power)(dark, 1.1 * dark))
        for power in (-1, 0, 1)
    ]
    np.testing.assert_allclose(ratios, (1, 10, 100), rtol=1e-5)


@pytest.mark.parametrize("power", [0.0, -1.0])
def test_above_the_ceiling_the_loss_sees_no_difference(power: float) -> None:
    """At 6000, 3 in network units: a prediction pays only for the part of its error below it."""
    loss = pixel_loss("l1", power, ceiling=6000)
    bright, brighter, dark = (np.full((1, 1, 1, 1), value, np.float32) for value in (4, 5, 2))
    assert float(loss(bright, brighter)) == float(loss(brighter, bright)) == 0
    assert float(loss(brighter, dark)) == float(loss(bright, dark)) == pytest.approx(3**power)
    assert float(loss(dark, dark + 0.5)) == float(pixel_loss("l1", power)(dark, dark + 0.5))


def test_unknown_name() -> None:
    with pytest.raises(SettingError, match="unknown loss 'l3'; expected one of l1, charbonnier, l2"):
        pixel_loss("l3")


def test_the_option_offers_every_loss() -> None:
    assert tuple(PIXEL_LOSSES) == PIXEL_LOSS_NAMES
