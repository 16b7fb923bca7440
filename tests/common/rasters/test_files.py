"""Opening raster files: complete and of the right type, or a clear error."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import ProductError, ProductNotFoundError
from common.rasters.files import as_product_error, limit_cache, open_band, read_raster, require_same
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import band_file, write_patch_folder, write_tif
from tests.support.fake_stac import write_item


def test_missing_band_file(product: Path) -> None:
    scene = open_scene(product)
    band_file(product, "B05").unlink()
    with pytest.raises(ProductNotFoundError, match=r"_B05\.jp2 does not exist; download"):
        open_band(scene, "B05")
    with pytest.raises(ProductNotFoundError, match="has no file for B05, it has B01"):
        open_band(open_scene(product), "B05")


def test_missing_file_of_an_item(tmp_path: Path) -> None:
    item = write_item(tmp_path, size=12, with_files=False)
    with pytest.raises(ProductNotFoundError, match=rf"B05\.tif does not exist; download it, or correct {item}"):
        open_band(open_scene(item), "B05")


def test_empty_band_file(product: Path) -> None:
    band_file(product, "B05").write_bytes(b"")
    with pytest.raises(ProductError, match=r"_B05\.jp2 is empty \(0 bytes\); download"):
        open_band(open_scene(product), "B05")


def test_wrong_dtype(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B02.tif", np.ones((120, 120), np.uint8))
    with pytest.raises(ProductError, match=r"_B02\.tif must hold one band of UInt16; got Byte"):
        open_band(open_scene(patch), "B02")


def test_band_file_that_cannot_be_read(product: Path) -> None:
    path = band_file(product, "B02")
    path.unlink()
    path.mkdir()
    (path / "content").touch()
    with pytest.raises(ProductError, match=r"_B02\.jp2 (cannot be read \(Is a directory\)|is empty)"):
        open_band(open_scene(product), "B02")


@pytest.mark.real_data
def test_real_empty_files(real_data: Path) -> None:
    archive = next(real_data.glob("safe_metadata/l1c_N0205_zipped/*_T33UWP_*.zip"))
    with pytest.raises(ProductError, match=r"_B02\.jp2 is empty \(0 bytes\)"):
        open_band(open_scene(archive), "B02")


def scene_of(path: Path) -> Scene:
    """A scene with one file, for B02."""
    return Scene("name", path, "L1C", "T32TNS", "S2A", "04.00", "", {"B02": str(path)}, 10000.0, {"B02": 0.0})


@pytest.mark.parametrize("count", [1, 3])
def test_read_raster_gives_all_bands_last_and_their_names(tmp_path: Path, count: int) -> None:
    image = np.random.default_rng(0).random((4, 5, count)).astype(np.float32)
    dataset = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "a.tif"), 5, 4, count, gdal.GDT_Float32)
    dataset.WriteArray(image.transpose(2, 0, 1))
    dataset.GetRasterBand(1).SetDescription("VV")
    del dataset
    pixels, names = read_raster(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(pixels, image)
    assert pixels.dtype == np.float32
    assert names == ("VV", *[""] * (count - 1))


def test_read_raster_refuses_missing_and_empty_and_damaged_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    with pytest.raises(ProductNotFoundError, match=r"a\.tif does not exist; download"):
        read_raster(str(path))
    path.touch()
    with pytest.raises(ProductError, match=r"a\.tif is empty \(0 bytes\); download"):
        read_raster(str(path))
    write_tif(path, np.ones((50, 50), np.uint16))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(ProductError, match=r"a\.tif is damaged \(.+\); download"):
        read_raster(str(path))
    assert capfd.readouterr() == ("", "")


def write_sparse(path: Path, size: int, *options: str) -> Path:
    """Write a small file of a large image."""
    gdal.GetDriverByName("GTiff").Create(str(path), size, size, 1, gdal.GDT_UInt16, ["SPARSE_OK=YES", *options])
    assert path.stat().st_size < 2**20
    return path


def test_a_small_file_of_a_large_image_is_not_read_whole(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "a.tif", 30_000, "TILED=YES", "BLOCKXSIZE=4096", "BLOCKYSIZE=4096")
    with pytest.raises(ProductError, match=r"a\.tif asks for 1716 MiB at once, 30000 x 30000 px in 1 bands"):
        read_raster(str(path))


def test_a_band_in_one_large_block_is_refused(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    path = write_sparse(patch / f"{patch.name}_B02.tif", 20_000, "BLOCKYSIZE=20000", "COMPRESS=DEFLATE")
    with pytest.raises(ProductError, match=rf"{path.name} asks for 762 MiB at once"):
        open_band(open_scene(patch), "B02")


def test_warnings_are_damage_on_request_only() -> None:
    with as_product_error("a.tif"):
        gdal.Error(gdal.CE_Warning, 1, "odd")
    with pytest.raises(ProductError, match=r"a\.tif is damaged \(odd\)"), as_product_error("a.tif", warnings_too=True):
        gdal.Error(gdal.CE_Warning, 1, "odd")


def test_messages_of_several_lines_are_one_line() -> None:
    """GDAL 3.10 says what an error may be caused by in lines of their own; seen on Debian 13."""
    message, line = (
        "no tile\nMay be caused by: too short\n",
        r"a\.jp2 is damaged \(no tile; May be caused by: too short\); download",
    )
    with pytest.raises(ProductError, match=line), as_product_error("a.jp2"):
        raise RuntimeError(message)
    with pytest.raises(ProductError, match=line), as_product_error("a.jp2"):
        gdal.Error(gdal.CE_Failure, 1, message)


def test_a_message_that_gdal_cannot_give_us_means_damage() -> None:
    with pytest.raises(ProductError, match=r"a\.jp2 is damaged \(it cannot be decoded\)"), as_product_error("a.jp2"):
        raise SystemError("OpenEx returned a result with an exception set")


def test_require_same_names_the_band_that_differs(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "B02.jp2")
    require_same(scene, {"B02": "6 x 6 px"})
    require_same(scene, {"B02": "6 x 6 px", "B03": "6 x 6 px"})
    with pytest.raises(ProductError, match="name: B04 has 6 x 5 px, but B02 has 6 x 6 px; download"):
        require_same(scene, {"B02": "6 x 6 px", "B03": "6 x 6 px", "B04": "6 x 5 px"})


def test_limit_of_the_cache() -> None:
    before = gdal.GetCacheMax()
    try:
        limit_cache(10_000_000)
        assert gdal.GetCacheMax() == 10_000_000
    finally:
        gdal.SetCacheMax(before)
