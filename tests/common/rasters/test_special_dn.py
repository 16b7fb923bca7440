"""Saturated pixels in files of any number of bits, and DN 1 that is no reflectance of any ground."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import ProductError
from common.rasters.band_sources import open_source
from common.rasters.bands import read_band, read_bands
from common.rasters.special_dn import WRAPPED_DN, replace_dn, special_dn
from common.scenes.reflectance import is_valid
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import edit_product_xml, write_patch_folder, write_safe, write_tif

STORED = np.array([[0, 1, 32766, 32767, 40000, 63999, 65535]], np.uint16).repeat(7, axis=0)


def product_of(folder: Path, bits: int) -> Path:
    """Write a product of one 60 m band with the DN of `STORED`, as far as they fit."""
    return write_safe(folder, size=42, pixels={"B01": STORED}, bits=bits)


def saturated_dn(scene: Scene) -> int:
    """The DN of saturated pixels in the file of B01."""
    changes = special_dn(scene, "B01", open_source(scene, "B01").bits)
    return next((stored for stored, new in changes.items() if new == scene.saturated), scene.saturated)


@pytest.mark.parametrize(("bits", "expected"), [(12, 4095), (15, 32767), (16, 65535)])
def test_the_bits_of_a_jpeg_2000_file_bound_its_saturated_dn(tmp_path: Path, bits: int, expected: int) -> None:
    scene = open_scene(product_of(tmp_path, bits))
    assert saturated_dn(scene) == expected


def test_a_smaller_value_in_the_xml_counts(tmp_path: Path) -> None:
    product = product_of(tmp_path, 15)
    edit_product_xml(product, ">65535<", ">30000<")
    scene = open_scene(product)
    assert saturated_dn(scene) == 30000


def geotiff_scene(folder: Path, options: list[str]) -> Scene:
    """Write a patch folder whose B01 has the DN of `STORED` that fit into the file."""
    patch = write_patch_folder(folder)
    path = str(patch / f"{patch.name}_B01.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, 7, 7, 1, gdal.GDT_UInt16, options)
    dataset.WriteArray(np.minimum(STORED, 32767) if options else STORED)
    return open_scene(patch)


@pytest.mark.parametrize("options", [[], ["NBITS=15"]])
def test_geotiffs_that_do_not_state_their_bits_are_copies_of_files_of_15_bits(
    tmp_path: Path, options: list[str]
) -> None:
    scene = geotiff_scene(tmp_path, options)
    assert saturated_dn(scene) == 32767


def test_all_files_give_saturated_pixels_the_dn_of_the_scene(tmp_path: Path) -> None:
    """A GeoTIFF of 16 bits may hold either value; DN between them are reflectance."""
    of_15_bits = open_scene(product_of(tmp_path / "15", 15))
    assert read_band(of_15_bits, "B01")[0].tolist() == [0, 1, 32766, 65535, 65535, 65535, 65535]
    of_16_bits = open_scene(product_of(tmp_path / "16", 16))
    np.testing.assert_array_equal(read_band(of_16_bits, "B01"), STORED)
    geotiff = geotiff_scene(tmp_path, [])
    assert read_band(geotiff, "B01")[0].tolist() == [0, 1, 32766, 65535, 40000, 63999, 65535]
    for scene in (of_15_bits, of_16_bits, geotiff):
        valid = is_valid(scene, read_band(scene, "B01"))[0]
        assert valid[[1, 2]].all()
        assert not valid[[0, -1]].any()


def test_each_band_has_the_saturated_dn_of_its_own_file(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    for band in ("B01", "B09"):
        write_tif(patch / f"{patch.name}_{band}.tif", np.full((20, 20), 4095, np.uint16))
    scene = open_scene(patch)
    narrow = gdal.GetDriverByName("GTiff").Create(scene.band_paths["B09"], 20, 20, 1, gdal.GDT_UInt16, ["NBITS=12"])
    narrow.WriteArray(np.full((20, 20), 4095, np.uint16))
    narrow = None
    assert read_bands(scene, ("B01", "B09"))[3, 4].tolist() == [4095, 65535]


@pytest.mark.parametrize("changes", [[{7: 0, 9: 65535}] * 3, [{7: 0}, {}, {9: 65535, 7: 0}]])
def test_dn_are_replaced_in_every_row_of_a_tall_image(changes: list[dict[int, int]]) -> None:
    dn = np.random.default_rng(0).integers(5, 11, (131, 4, 3), dtype=np.uint16)
    expected = dn.copy()
    for row, col, band_index in np.ndindex(dn.shape):
        expected[row, col, band_index] = changes[band_index].get(
            int(dn[row, col, band_index]), dn[row, col, band_index]
        )
    replace_dn(dn, changes)
    np.testing.assert_array_equal(dn, expected)


@pytest.mark.parametrize(("offset", "expected"), [(0, [0, 1, 2]), (-400, [0, 1, 2]), (-1000, [0, 0, 2])])
def test_dn_1_is_nodata_where_it_is_an_impossible_reflectance(tmp_path: Path, offset: int, expected: list[int]) -> None:
    image = np.array([[0, 1, 2]], np.uint16).repeat(3, axis=0)
    scene = open_scene(write_safe(tmp_path, size=18, pixels={"B01": image}, baseline="04.00", offset=offset))
    assert read_band(scene, "B01")[0].tolist() == expected


def test_dn_1_depends_on_the_offset_of_its_band(tmp_path: Path) -> None:
    ones = np.ones((3, 3), np.uint16)
    product = write_safe(tmp_path, size=18, pixels={"B01": ones, "B09": ones}, baseline="04.00")
    edit_product_xml(product, '<RADIO_ADD_OFFSET band_id="0">-1000<', '<RADIO_ADD_OFFSET band_id="0">0<')
    assert read_bands(open_scene(product), ("B01", "B09"))[0, 0].tolist() == [1, 0]


@pytest.mark.parametrize("lowest", [63999, 64000, 64936, 65534])
def test_wrapped_negative_numbers_are_refused(tmp_path: Path, lowest: int) -> None:
    """A processor that subtracts 1000 from DN 400 in uint16 leaves 64936. Saturated pixels are no such number."""
    scene = geotiff_scene(tmp_path, [])
    image = STORED.copy()
    image[-1, :2] = lowest, 65535
    write_tif(Path(scene.band_paths["B09"]), image)
    if lowest < WRAPPED_DN:
        assert read_bands(scene, ("B01", "B09"))[-1, 0, 1] == lowest
        return
    with pytest.raises(
        ProductError, match=f"holds DN {lowest:,} in B09: a negative number that was wrapped when an offset"
    ):
        read_bands(scene, ("B01", "B09"))


@pytest.mark.parametrize(("dark", "is_told"), [(400, True), (499, True), (500, False)])
def test_an_offset_that_is_subtracted_twice_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dark: int, is_told: bool
) -> None:
    """Archives are known to subtract the offset from the pixels and to state that they have not."""
    image = np.full((240, 240), 1500, np.uint16)
    image[:, :60], image[:, 60:120] = dark, 0
    safe = write_safe(tmp_path, pixels={"B02": image, "B03": image}, level="L2A", baseline="05.11")
    scene = dataclasses.replace(open_scene(safe), name=f"dark {dark}")
    for _ in range(2):
        read_bands(scene, ("B02", "B03"))
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == is_told
    assert not warnings or f"dark {dark}: 33 % of the pixels of B02 have a reflectance below -0.05" in warnings[0]


def test_nodata_is_no_wrapped_number(tmp_path: Path) -> None:
    scene = dataclasses.replace(geotiff_scene(tmp_path, []), nodata=64536)
    write_tif(Path(scene.band_paths["B01"]), np.full((7, 7), 64536, np.uint16))
    assert (read_band(scene, "B01") == 64536).all()
