"""Masks: rasters of any GSD and the scene classification; masked pixels are nodata in all bands."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import ProductError, SettingError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.rasters.masks import read_mask, with_mask
from common.scenes.scene import Mask, Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_eopf import write_eopf
from tests.support.fake_safe import UPPER_LEFT, write_safe, write_tif
from tests.support.manifests import damage, write_manifest

SIZE = 120


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L2A product, whose classification has a class in each of twelve columns."""
    classes = np.full((SIZE // 2, SIZE // 2), 4, np.uint8)
    classes[7, :12] = range(12)
    folder = tmp_path_factory.mktemp("product")
    return write_safe(folder, level="L2A", baseline="05.09", size=SIZE, classification=classes, resampled=True)


@pytest.fixture
def scene(product: Path) -> Scene:
    return open_scene(product)


def mask_file(path: Path, values: np.ndarray, gsd: int) -> str:
    write_tif(path, values.astype(np.uint8), (UPPER_LEFT[0], gsd, 0, UPPER_LEFT[1], 0, -gsd))
    return str(path)


def nodata_of(scene: Scene) -> dict[int, np.ndarray]:
    """GSD -> (rows, cols) bool: all bands are nodata. No pixel is nodata in some bands only."""
    masks = {}
    for gsd, bands in BANDS_BY_GSD.items():
        nodata = read_bands(scene, bands) == 0
        masks[gsd] = nodata.any(axis=2)
        np.testing.assert_array_equal(masks[gsd], nodata.all(axis=2))
    return masks


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_a_pixel_of_any_band_is_masked_if_the_mask_touches_it(scene: Scene, tmp_path: Path, gsd: int) -> None:
    values = np.random.default_rng(gsd).random((SIZE * 10 // gsd, SIZE * 10 // gsd)) < 20 / (SIZE * 10 // gsd) ** 2
    masked = with_mask(scene, mask_file(tmp_path / "mask.tif", 3 * values, gsd))
    found = nodata_of(masked)
    for band_gsd, nodata in found.items():
        expected = np.zeros_like(nodata)
        for row, col in np.argwhere(values):
            rows, cols = (slice(at * gsd // band_gsd, -(-(at + 1) * gsd // band_gsd)) for at in (row, col))
            expected[rows, cols] = True
        assert 0 < expected.sum() < expected.size
        np.testing.assert_array_equal(nodata, expected)


@pytest.mark.parametrize("mask_gsd", [10, 20, 60])
@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_windows_are_cut_from_the_whole_mask(scene: Scene, tmp_path: Path, mask_gsd: int, gsd: int) -> None:
    side = SIZE * 10 // mask_gsd
    values = np.random.default_rng(0).random((side, side)) < 0.3
    scene = dataclasses.replace(scene, mask=Mask(mask_file(tmp_path / "mask.tif", values, mask_gsd), mask_gsd))
    rows = SIZE * 10 // gsd
    whole = read_mask(scene, Window(0, 0, rows, rows), gsd)
    for window in (Window(1, 2, 7, 5), Window(rows - 3, rows - 4, 3, 4), Window(0, rows - 1, rows, 1)):
        np.testing.assert_array_equal(read_mask(scene, window, gsd), whole[window.slices])


def test_masked_pixels_are_masked_in_one_band_of_the_mask(scene: Scene, tmp_path: Path) -> None:
    path = str(tmp_path / "mask.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, 20, 20, 3, gdal.GDT_Byte)
    dataset.SetGeoTransform((UPPER_LEFT[0], 60, 0, UPPER_LEFT[1], 0, -60))
    dataset.SetProjection("EPSG:32632")
    values = np.zeros((20, 20), np.uint8)
    dataset.GetRasterBand(1).WriteArray(values)
    values[4, 5] = 1
    dataset.GetRasterBand(2).WriteArray(values)
    dataset = None
    np.testing.assert_array_equal(nodata_of(with_mask(scene, path))[60], values > 0)


@pytest.mark.parametrize(
    ("text", "classes"), [("SCL", [0, 1]), ("SCL:0,1,8,9", [0, 1, 8, 9]), ("SCL:11", [11]), ("SCL:", [0, 1])]
)
def test_scene_classification(scene: Scene, text: str, classes: list[int]) -> None:
    expected = np.zeros((SIZE // 2, SIZE // 2), bool)
    expected[7, classes] = True
    np.testing.assert_array_equal(nodata_of(with_mask(scene, text))[20], expected)


def test_a_file_of_the_scene_classification_is_read_as_classes(scene: Scene, product: Path) -> None:
    (path,) = product.rglob("*_SCL_20m.jp2")
    found, expected = (with_mask(scene, text) for text in (str(path), "SCL"))
    np.testing.assert_array_equal(nodata_of(found)[20], nodata_of(expected)[20])


def test_the_classification_is_found_in_a_zip(tmp_path: Path) -> None:
    classes = np.zeros((SIZE // 2, SIZE // 2), np.uint8)
    zipped = write_safe(tmp_path, level="L2A", size=SIZE, classification=classes, zipped=True)
    assert all(nodata.all() for nodata in nodata_of(with_mask(open_scene(zipped), "SCL")).values())


@pytest.mark.parametrize(("zarr_format", "zipped"), [(2, True), (3, False)])
def test_the_classification_of_an_eopf_product(tmp_path: Path, zarr_format: int, zipped: bool) -> None:
    pytest.importorskip("zarr", reason="pip install zarr to read Zarr format 3")
    classes = np.full((SIZE // 2, SIZE // 2), 4, np.uint8)
    classes[7, :12] = range(12)
    product = write_eopf(tmp_path, size=SIZE, zarr_format=zarr_format, zipped=zipped, classification=classes)
    np.testing.assert_array_equal(nodata_of(with_mask(open_scene(product), "SCL:3,8"))[20], np.isin(classes, (3, 8)))


def test_a_scene_without_a_mask_keeps_its_pixels(scene: Scene) -> None:
    assert scene.mask is None
    assert not any(nodata.any() for nodata in nodata_of(scene).values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no.tif", "--mask no.tif is no file; give a raster, or SCL for the scene classification of L2A"),
        (
            "SCL:clouds",
            r"--mask SCL:clouds: expected classes of the scene classification, 0 to 11, such as SCL:0,1,8,9",
        ),
        ("SCL:12", "expected classes of the scene classification, 0 to 11"),
        ("SCL:-1", "expected classes of the scene classification, 0 to 11"),
    ],
)
def test_values_that_name_no_mask(scene: Scene, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_mask(scene, text)


def test_l1c_has_no_scene_classification(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match="has no file of the scene classification, as L2A products have; give a raster"
    ):
        with_mask(open_scene(write_safe(tmp_path, size=60)), "SCL")


@pytest.mark.parametrize(
    ("shape", "geotransform"),
    [
        ((120, 120), (UPPER_LEFT[0] + 10, 10, 0, UPPER_LEFT[1], 0, -10)),
        ((120, 120), (UPPER_LEFT[0], 10, 0, UPPER_LEFT[1], 0, 10)),
        ((119, 120), (UPPER_LEFT[0], 10, 0, UPPER_LEFT[1], 0, -10)),
        ((40, 40), (UPPER_LEFT[0], 30, 0, UPPER_LEFT[1], 0, -30)),
    ],
)
def test_a_mask_on_another_grid_is_refused(scene: Scene, tmp_path: Path, shape: tuple, geotransform: tuple) -> None:
    path = tmp_path / "mask.tif"
    write_tif(path, np.ones(shape, np.uint8), geotransform)
    with pytest.raises(SettingError, match=r"expected 10, 20 or 60 m and 1200 x 1200 m at .*: bring it to this grid"):
        with_mask(scene, str(path))


def test_a_file_that_is_no_raster_and_one_without_georeference(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "mask.tif").write_text("clouds")
    with pytest.raises(SettingError, match=r"mask\.tif cannot be read as a raster: .*[^.]; give another raster\.$"):
        with_mask(scene, str(tmp_path / "mask.tif"))
    (xml,) = write_safe(tmp_path, level="L2A", size=12).glob("MTD_MSIL2A.xml")
    with pytest.raises(SettingError, match=r"MTD_MSIL2A\.xml cannot be read as a raster: it only names other rasters"):
        with_mask(scene, str(xml))
    write_tif(tmp_path / "bare.tif", np.ones((120, 120), np.uint8))
    with pytest.raises(SettingError, match=r"bare\.tif has no georeference; give a raster on the grid of the scene"):
        with_mask(scene, str(tmp_path / "bare.tif"))


def test_a_damaged_mask_is_an_error(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    mask_file(path, np.ones((SIZE, SIZE)), 10)
    masked = with_mask(scene, str(path))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ProductError, match=r"mask\.tif is damaged \(.*\); make the mask again\.$"):
        read_bands(masked, ("B02",))


def test_damage_in_a_mask_that_the_decoder_does_not_notice(product: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(product, tmp_path / product.name)
    write_manifest(copy)
    damage(next(copy.rglob("*_SCL_20m.jp2")), start=-30)
    with pytest.raises(ProductError, match=r"_SCL_20m\.jp2 has the MD5 \w+, but manifest\.safe gives \w+"):
        with_mask(open_scene(copy), "SCL")


def test_the_scene_itself_is_unchanged(scene: Scene) -> None:
    masked = with_mask(scene, "SCL")
    assert dataclasses.replace(masked, mask=None) == scene
