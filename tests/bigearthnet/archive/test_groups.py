"""The band groups cover the bands of a patch, and their sizes follow from the GSD."""

import numpy as np
import pytest

from bigearthnet.archive.groups import GROUP_BANDS, NATIVE_PX, PATCH_PX, S2_GROUPS, group_dtype, group_shapes
from common.pixels.sentinel2 import BANDS
from common.scenes.patch_folder import PATCH_BANDS


def test_the_groups_of_sentinel_2_hold_each_band_of_a_patch_once() -> None:
    bands = [band for group in S2_GROUPS for band in GROUP_BANDS[group]]
    assert sorted(bands) == sorted(PATCH_BANDS)
    assert set(GROUP_BANDS) == {*S2_GROUPS, "s1"}


@pytest.mark.parametrize("group", S2_GROUPS)
def test_native_sizes_follow_from_the_gsd(group: str) -> None:
    gsds = {BANDS[band].gsd for band in GROUP_BANDS[group]}
    assert gsds == {PATCH_PX * 10 // NATIVE_PX[group]}
    assert group == f"s2_{gsds.pop()}m"


def test_shapes_with_and_without_sentinel_1_and_bands_at_10_m() -> None:
    assert group_shapes(False) == {"s2_10m": (120, 120, 4), "s2_20m": (60, 60, 6), "s2_60m": (20, 20, 2)}
    assert group_shapes(True) == {**group_shapes(False), "s1": (120, 120, 2)}
    assert group_shapes(True, ("s2_60m",)) == {**group_shapes(True), "s2_60m": (120, 120, 2)}


def test_types() -> None:
    assert {group: np.dtype(group_dtype(group)) for group in GROUP_BANDS} == {
        "s2_10m": np.uint16,
        "s2_20m": np.uint16,
        "s2_60m": np.uint16,
        "s1": np.float32,
    }
