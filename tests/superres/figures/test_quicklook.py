"""The quicklook: the middle of a region, before and after, with one stretch."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import georeference
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.figures import quicklook
from superres.figures.quicklook import SHOWN_PX, shown_bands, stretch, write_quicklook
from tests.support.fake_safe import textured_pixels, write_safe
from tests.support.pictures import assert_only_picture

REGION = Window(5, 9, 223, 214)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    pixels = textured_pixels(np.random.default_rng(0))
    return open_scene(write_safe(tmp_path_factory.mktemp("scene"), pixels=pixels))


@pytest.fixture(scope="module")
def geotiff(scene, tmp_path_factory):
    """A result of REGION whose bands are the repeated pixels of the coarse ones, brighter by 10 DN."""
    whole = [
        read_bands(scene, bands).repeat(factor, axis=0).repeat(factor, axis=1)
        for bands, factor in ((BANDS_20M, 2), (BANDS_60M, 6))
    ]
    dn = np.concatenate(whole, axis=2)[REGION.slices] + np.uint16(10)
    path = tmp_path_factory.mktemp("result") / "out.tif"
    info = RasterInfo.of_region(scene, georeference(scene, 10), REGION, (*BANDS_20M, *BANDS_60M), {})
    write_geotiff(path, info, iter([dn]))
    return path


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that were drawn and not saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(quicklook, "save_png", lambda figure, path: figures.append(figure))
    return figures


def test_the_picture_is_saved(scene, geotiff, tmp_path):
    write_quicklook(tmp_path / "out.png", geotiff, scene, REGION, (*BANDS_20M, *BANDS_60M))
    assert_only_picture(tmp_path, "out.png")


def test_before_and_after_show_the_same_ground_with_the_same_stretch(scene, geotiff, tmp_path, drawn):
    write_quicklook(tmp_path / "out.png", geotiff, scene, REGION, (*BANDS_20M, *BANDS_60M))
    middle = REGION.middle(SHOWN_PX, 1)
    for row, factor in enumerate((2, 6)):
        left, right = drawn[0].axes[2 * row : 2 * row + 2]
        assert left.get_xlim() == right.get_xlim() == (middle.col, middle.col + middle.width)
        assert left.get_ylim() == right.get_ylim() == (middle.row + middle.height, middle.row)
        (before,), (after,) = left.get_images(), right.get_images()
        whole_pixels = middle.snapped(factor)
        for image, window in ((before, whole_pixels), (after, middle)):
            edges = [window.col, window.col + window.width, window.row + window.height, window.row]
            assert list(image.get_extent()) == edges
        x, y = middle.col + 60, middle.row + 66
        before_value = before.get_array()[
            (y - int(before.get_extent()[3])) // factor, (x - int(before.get_extent()[0])) // factor
        ]
        after_value = after.get_array()[y - middle.row, x - middle.col]
        np.testing.assert_allclose(before_value, after_value, atol=0.1)
    assert [ax.get_title() for ax in drawn[0].axes] == [
        "B12 B8A B05: 20 m, before",
        "B12 B8A B05: 10 m, sharpened",
        "B09: 60 m, before",
        "B09: 10 m, sharpened",
    ]


@pytest.mark.parametrize(
    "bands, shown",
    [
        ((*BANDS_10M, *BANDS_20M), {20: ("B12", "B8A", "B05")}),
        (("B05", "B8A", "B12"), {20: ("B12", "B8A", "B05")}),
        (("B09", "B11", "B05", "B02"), {20: ("B11",), 60: ("B09",)}),
        (("B01",), {60: ("B01",)}),
    ],
)
def test_only_bands_of_the_result_are_shown(bands, shown):
    assert shown_bands(bands) == shown


def test_pixels_without_data_do_not_change_the_stretch():
    image = np.linspace(1000, 2000, 101).round().astype(np.uint16).reshape(101, 1, 1)
    holed = np.concatenate([image, np.full((50, 1, 1), 0, np.uint16), np.full((50, 1, 1), 65535, np.uint16)])
    low, high = stretch(image)
    np.testing.assert_allclose([low, high], [[1020], [1980]])
    np.testing.assert_array_equal(stretch(holed), stretch(image))


@pytest.mark.parametrize("dn", [0, 500, 65535])
def test_a_constant_band_has_a_stretch(dn):
    low, high = stretch(np.full((4, 4, 1), dn, np.uint16))
    assert (high > low).all()
