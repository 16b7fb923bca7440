"""Pixels without data: in some bands or in all, and the fills that a network reads."""

from pathlib import Path

import numpy as np
import pytest

from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.scenes.nodata import fill_missing, has_data
from common.scenes.scene import Scene

SIDE = 60
REACH = 12
LAND, LAKE = 3000, 200


def scene_of(level: str, offset: float) -> Scene:
    return Scene("name", Path(), level, "T32TNS", "S2A", "", "", {}, 10000.0, dict.fromkeys(BANDS, offset))


def dn_of(value: int) -> dict[int, np.ndarray]:
    return {
        gsd: np.full((SIDE * 10 // gsd, SIDE * 10 // gsd, len(bands)), value, np.uint16)
        for gsd, bands in BANDS_BY_GSD.items()
    }


def test_a_pixel_has_data_if_one_band_of_any_gsd_has_it() -> None:
    scene, dn = scene_of("L1C", 0.0), dn_of(0)
    dn[60][0, 1, 1] = dn[20][20, 5, 3] = dn[10][50, 59, 2] = 7
    expected = np.zeros((SIDE, SIDE), bool)
    expected[:6, 6:12] = expected[40:42, 10:12] = expected[50, 59] = True
    np.testing.assert_array_equal(has_data(scene, dn), expected)
    np.testing.assert_array_equal(has_data(scene, {20: dn[20]}), expected[1::2, 1::2] & (dn[20] > 0).any(axis=2))


def lake(gsd: int, band_index: int) -> dict[int, np.ndarray]:
    """Bright land, and a lake in rows and columns 12 to 47 that has DN 0 in one band."""
    dn = dn_of(LAND)
    for band_gsd, image in dn.items():
        inner = slice(120 // band_gsd, 480 // band_gsd)
        image[inner, inner] = LAKE
        if band_gsd == gsd:
            image[inner, inner, band_index] = 0
    return dn


@pytest.mark.parametrize(("gsd", "band_index"), [(10, 3), (20, 5), (60, 1)])
def test_dn_0_of_a_dark_lake_stays_in_l2a_without_offset(gsd: int, band_index: int) -> None:
    dn = lake(gsd, band_index)
    filled = fill_missing(scene_of("L2A", 0.0), dn, REACH)
    for band_gsd, image in dn.items():
        np.testing.assert_array_equal(filled[band_gsd], image)


@pytest.mark.parametrize(("level", "offset"), [("L1C", 0.0), ("L2A", -1000.0)])
def test_files_that_can_store_darkness_are_filled_from_the_nearest_pixels(level: str, offset: float) -> None:
    filled = fill_missing(scene_of(level, offset), lake(10, 3), REACH)
    assert (filled[10][20, 12:20, 3] == LAND).all()
    assert (filled[10][30, 30] == [LAKE, LAKE, LAKE, 0]).all()  # beyond reach


def test_dn_0_near_the_edge_of_a_swath_is_filled() -> None:
    """B08 ends 4 pixels before the other bands do."""
    dn = dn_of(LAND)
    for gsd, image in dn.items():
        image[:, 300 // gsd :] = 0
    dn[10][:, 26:30, 3] = 0
    filled = fill_missing(scene_of("L2A", 0.0), dn, REACH)
    assert (filled[10][:, : 26 + REACH] == LAND).all()
    assert (filled[10][:, 26 + REACH :, 3] == 0).all()


def test_saturated_pixels_of_a_dark_lake_are_filled() -> None:
    dn = lake(10, 3)
    dn[10][20, 20, :2] = 65535
    filled = fill_missing(scene_of("L2A", 0.0), dn, REACH)
    assert filled[10][20, 20].tolist() == [LAKE, LAKE, LAKE, 0]
    assert dn[10][20, 20, 0] == 65535


def test_a_pixel_depends_on_pixels_within_reach_only() -> None:
    """So a window with a margin of `reach` is filled as the whole scene is."""
    rng = np.random.default_rng(0)
    dn = {
        gsd: np.where(rng.random(image.shape) < 0.4, 0, image).astype(np.uint16) for gsd, image in dn_of(LAND).items()
    }
    for gsd, image in dn.items():
        image[: 60 // gsd, : 60 // gsd] = 0
    scene = scene_of("L2A", 0.0)
    whole = fill_missing(scene, dn, REACH)
    for top, left in ((0, 0), (6, 12), (30, 24)):
        part = {gsd: image[top * 10 // gsd :, left * 10 // gsd :] for gsd, image in dn.items()}
        filled = fill_missing(scene, part, REACH)
        for gsd, image in filled.items():
            row, col = ((start + REACH if start else 0) * 10 // gsd for start in (top, left))
            inner_row, inner_col = ((REACH if start else 0) * 10 // gsd for start in (top, left))
            np.testing.assert_array_equal(image[inner_row:, inner_col:], whole[gsd][row:, col:])


def test_images_without_holes_are_not_copied() -> None:
    dn = dn_of(LAND)
    filled = fill_missing(scene_of("L2A", 0.0), dn, REACH)
    assert all(filled[gsd] is dn[gsd] for gsd in dn)
