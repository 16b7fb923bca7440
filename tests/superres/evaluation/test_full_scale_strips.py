"""Strips for measuring at full scale: pixels, margins, filled holes, and the pixels that count."""

import numpy as np
import pytest

from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.evaluation import full_scale_strips
from superres.evaluation.full_scale_strips import BLOCK_PX, blur_reach_10m, read_images, read_strips, scene_shape
from superres.prediction.strip import cut
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe

SIZE = 144
SETTINGS = {gsd: PatchSettings(gsd, 1) for gsd in (20, 60)}


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    return textured_pixels(np.random.default_rng(3), SIZE)


@pytest.fixture(scope="module")
def scene(pixels, tmp_path_factory) -> Scene:
    return open_scene(write_safe(tmp_path_factory.mktemp("scene"), size=SIZE, pixels=pixels))


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("joint", [False, True])
def test_strips_cover_each_pixel_once(scene, monkeypatch, gsd, joint):
    monkeypatch.setattr(full_scale_strips, "STRIP_PIXELS", 30 * SIZE)
    settings = PatchSettings(gsd, 1, joint=joint)
    strips = list(read_strips(scene, settings, reach=8))
    assert len(strips) > 1
    assert all(strip.inner.height % (gsd // 10 * BLOCK_PX[gsd]) == 0 for strip in strips[:-1])
    for input_gsd in settings.input_gsds:
        inner = [cut(strip.images[f"input_{input_gsd}m"], input_gsd, strip.inner) for strip in strips]
        np.testing.assert_array_equal(np.concatenate(inner), read_bands(scene, BANDS_BY_GSD[input_gsd]))
    assert all(strip.valid.all() for strip in strips)


@pytest.mark.parametrize("gsd", [20, 60])
def test_margins_hold_what_the_estimate_and_the_blur_depend_on(scene, monkeypatch, gsd):
    monkeypatch.setattr(full_scale_strips, "STRIP_PIXELS", 30 * SIZE)
    middle = list(read_strips(scene, SETTINGS[gsd], reach=8))[1]
    above, below = middle.inner.row, len(middle.images["input_10m"]) - middle.inner.row - middle.inner.height
    assert above == below
    assert 0 <= above - (8 + blur_reach_10m(SETTINGS[gsd])) < gsd // 10
    assert middle.valid.shape == tuple(side * 10 // gsd for side in middle.images["input_10m"].shape[:2])


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("special", [0, 65535])
def test_coarse_pixels_with_a_hole_in_them_or_in_their_blur_do_not_count(tmp_path, pixels, gsd, special):
    factor = gsd // 10
    holed = {band: image.copy() for band, image in pixels.items()}
    holed["B03"][12 * factor, 12 * factor] = special  # the upper left of coarse pixel 12, 12
    _, valid = read_images(
        open_scene(write_safe(tmp_path, size=SIZE, pixels=holed)), Window(0, 0, SIZE, SIZE), SETTINGS[gsd], reach=12
    )
    first, blur = (
        factor * np.arange(len(valid)),
        blur_reach_10m(SETTINGS[gsd]),
    )  # first pixel at 10 m of each coarse one
    has_hole = (first - blur <= 12 * factor) & (12 * factor < first + factor + blur)
    expected = ~np.outer(has_hole, has_hole)
    assert 9 < np.count_nonzero(~expected) <= 25
    np.testing.assert_array_equal(valid, expected)


@pytest.mark.parametrize("gsd", [20, 60])
def test_holes_are_filled_from_the_pixels_beside_them(tmp_path, pixels, gsd):
    """Pixels beside a hole count, so methods must not see DN 0 in it."""
    scene = open_scene(write_safe(tmp_path, size=144, pixels=with_nodata(pixels, 0, 0, 144, 48), baseline="04.00"))
    images, _ = read_images(scene, Window(0, 0, 144, 144), SETTINGS[gsd], reach=144)
    for image in images.values():
        beside = image.shape[1] // 3
        np.testing.assert_array_equal(image[:, :beside], np.repeat(image[:, beside : beside + 1], beside, axis=1))


def test_the_blur_reaches_as_far_as_that_of_the_degradation_and_of_qnr():
    assert [blur_reach_10m(PatchSettings(20, 1, kind)) for kind in ("gaussian", "mtf")] == [4, 4]
    assert [blur_reach_10m(PatchSettings(60, 1, kind)) for kind in ("gaussian", "mtf")] == [11, 13]


def test_the_shape_is_that_of_whole_coarse_pixels(scene):
    assert scene_shape(scene, SETTINGS[20]) == scene_shape(scene, SETTINGS[60]) == (SIZE, SIZE)


def test_a_scene_below_a_coarse_pixel_is_refused(scene, monkeypatch):
    grid = full_scale_strips.georeference(scene, 10)
    small = type(grid)(grid.crs_wkt, grid.geotransform, 5, 5)
    monkeypatch.setattr(full_scale_strips, "georeference", lambda scene, gsd: small)
    with pytest.raises(ProductError, match="is smaller than a pixel of 60 m; take it out of the list"):
        scene_shape(scene, SETTINGS[60])
