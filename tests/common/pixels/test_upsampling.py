"""Weights of the interpolation methods: they keep constants, pixels and straight lines, and end at their reach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pixels.upsampling import BICUBIC, BILINEAR, NEAREST, REACH_PX, interpolation_weight

offsets = st.floats(-0.499, 0.499)
PIXELS = range(-4, 5)


@pytest.mark.parametrize("method", REACH_PX)
@given(offset=offsets)
def test_weights_sum_to_one(method: str, offset: float) -> None:
    assert sum(interpolation_weight(pixel - offset, method) for pixel in PIXELS) == pytest.approx(1)


@pytest.mark.parametrize("method", REACH_PX)
def test_the_centre_of_a_pixel_keeps_its_value(method: str) -> None:
    assert [interpolation_weight(pixel, method) for pixel in PIXELS] == [float(pixel == 0) for pixel in PIXELS]


@pytest.mark.parametrize(("method", "degree"), [(BILINEAR, 1), (BICUBIC, 2)])
@given(offset=offsets)
def test_polynomials_are_reproduced(method: str, degree: int, offset: float) -> None:
    """Keys' kernel reproduces parabolas, the linear one straight lines."""
    value = sum(interpolation_weight(pixel - offset, method) * pixel**degree for pixel in PIXELS)
    assert value == pytest.approx(offset**degree, abs=1e-9)


@pytest.mark.parametrize("method", REACH_PX)
def test_weights_end_at_the_reach(method: str) -> None:
    """A pixel at the reach has a weight for some offset, and no pixel beyond it has."""
    positions = np.linspace(-0.5, 0.5, 101)[1:-1]
    reach = REACH_PX[method]
    weights = {pixel: [interpolation_weight(pixel - offset, method) for offset in positions] for pixel in PIXELS}
    assert any(weights[reach])
    assert all(not any(weights[pixel]) for pixel in PIXELS if abs(pixel) > reach)


def test_weights_worked_by_hand() -> None:
    assert interpolation_weight(-0.25, NEAREST) == 1
    assert interpolation_weight(0.75, NEAREST) == 0
    assert interpolation_weight(-0.25, BILINEAR) == 0.75
    # 1.5 * 0.125 - 2.5 * 0.25 + 1, and -0.5 * (3.375 - 11.25 + 12 - 4)
    assert interpolation_weight(0.5, BICUBIC) == 0.5625
    assert interpolation_weight(1.5, BICUBIC) == -0.0625
