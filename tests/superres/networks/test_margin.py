"""The margin of a network, for each upsampling."""

import pytest

from common.pixels.sentinel2 import JOINT, Gsd, scale_factor
from superres.networks.catalogue import (
    NETWORKS,
)
from superres.networks.margin import margin_px
from tests.support.checks import gsds_of


@pytest.mark.parametrize(
    "name, gsd, margin",
    [
        ("dsen2", 20, 16),
        ("dsen2", 60, 18),
        ("vdsen2", 20, 68),
        ("vdsen2", 60, 72),
        ("lowres", 20, 30),
        ("joint", JOINT, 60),
    ],
)
def test_margins(name: str, gsd: Gsd, margin: int) -> None:
    """A reach of 14, 66, 29 or 57 px and half a coarse pixel, rounded up to whole coarse pixels."""
    assert margin_px(name, gsd) == margin


@pytest.mark.parametrize("name, gsd", [(name, gsd) for name in NETWORKS for gsd in gsds_of(name)])
def test_margins_are_whole_coarse_pixels_and_grow_with_the_upsampling(name: str, gsd: Gsd) -> None:
    margins = [margin_px(name, gsd, upsample) for upsample in ("nearest", "bilinear", "bicubic")]
    assert margins == sorted(margins) and margins[0] >= NETWORKS[name].reach
    assert all(margin % scale_factor(gsd) == 0 for margin in margins)
