"""Reading pixels: the right band, the right way round, at the right place; and damaged files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osgeo import gdal

from common.errors import ProductError, ProductNotFoundError
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_band, read_bands
from common.rasters.grids import check_grids, footprint_lonlat, georeference
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import UPPER_LEFT, expected_dn, write_patch_folder, write_safe


def expected_stack(bands: tuple[str, ...], rows: int, cols: int) -> np.ndarray:
    return np.stack([expected_dn(band, rows, cols) for band in bands], axis=-1)


@pytest.fixture
def product(fake_product: Path, tmp_path: Path) -> Path:
    """A copy of the fake product, to damage."""
    return shutil.copytree(fake_product, tmp_path / fake_product.name)


def band_file(product: Path, band: str) -> Path:
    return next(product.rglob(f"*_{band}.jp2"))


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_every_band_at_its_native_gsd(fake_product: Path, gsd: int) -> None:
    scene = open_scene(fake_product)
    bands = scene.bands_at(gsd)
    side = 2400 // gsd
    dn = read_bands(scene, bands)
    assert (dn.dtype, dn.flags.c_contiguous) == (np.uint16, True)
    np.testing.assert_array_equal(dn, expected_stack(bands, side, side))


def test_bands_come_in_the_order_asked_for(fake_product: Path) -> None:
    dn = read_bands(open_scene(fake_product), ("B12", "B05", "B8A"))
    np.testing.assert_array_equal(dn, expected_stack(("B12", "B05", "B8A"), 120, 120))


def test_rows_and_columns_are_not_swapped(tmp_path: Path) -> None:
    scene = open_scene(write_safe(tmp_path, size=(60, 120)))
    np.testing.assert_array_equal(read_band(scene, "B03"), expected_dn("B03", 60, 120))
    assert (georeference(scene, 20).rows, georeference(scene, 20).cols) == (30, 60)


def test_l2a_without_b10_and_with_resampled_bands(tmp_path: Path) -> None:
    scene = open_scene(write_safe(tmp_path, level="L2A", baseline="05.09", size=60, resampled=True))
    for gsd, bands in BANDS_BY_GSD.items():
        np.testing.assert_array_equal(read_bands(scene, bands), expected_stack(bands, 600 // gsd, 600 // gsd))
    with pytest.raises(ProductNotFoundError, match="has no file for B10, it has B01"):
        read_band(scene, "B10")


def test_zip_and_old_format(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA", "T53HMA"), size=60, zipped=True)
    np.testing.assert_array_equal(read_band(open_scene(f"{product}:T53HMA"), "B11"), expected_dn("B11", 30, 30))


def test_patch_folder(tmp_path: Path) -> None:
    scene = open_scene(write_patch_folder(tmp_path))
    for gsd, bands in BANDS_BY_GSD.items():
        np.testing.assert_array_equal(read_bands(scene, bands), expected_stack(bands, 1200 // gsd, 1200 // gsd))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([1, 2, None]))
def test_window_equals_the_slice_of_the_whole_band(
    fake_product: Path, data: st.DataObject, threads: int | None
) -> None:
    row, col = data.draw(st.integers(0, 239)), data.draw(st.integers(0, 239))
    window = Window(row, col, data.draw(st.integers(1, 240 - row)), data.draw(st.integers(1, 240 - col)))
    dn = read_bands(open_scene(fake_product), ("B02", "B08"), window, threads)
    np.testing.assert_array_equal(dn, expected_stack(("B02", "B08"), 240, 240)[window.slices])


@pytest.mark.parametrize(
    "window", [Window(-1, 0, 5, 5), Window(0, -1, 5, 5), Window(236, 0, 5, 5), Window(0, 236, 5, 5), Window(0, 0, 0, 5)]
)
def test_window_outside(fake_product: Path, window: Window) -> None:
    with pytest.raises(ValueError, match=r"inside 240 rows x 240 columns; got Window\(row="):
        read_band(open_scene(fake_product), "B02", window)


@pytest.mark.parametrize("bands", [(), ("B02", "B05")])
def test_bands_of_one_gsd_only(fake_product: Path, bands: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="bands must be of one GSD; got"):
        read_bands(open_scene(fake_product), bands)


def test_unknown_band(fake_product: Path) -> None:
    with pytest.raises(ValueError, match="unknown Sentinel-2 band 'B99'"):
        read_band(open_scene(fake_product), "B99")


def test_threads_setting_does_not_outlive_the_read(fake_product: Path) -> None:
    gdal.SetThreadLocalConfigOption("GDAL_NUM_THREADS", "3")
    try:
        read_band(open_scene(fake_product), "B01", threads=1)
        assert gdal.GetThreadLocalConfigOption("GDAL_NUM_THREADS") == "3"
    finally:
        gdal.SetThreadLocalConfigOption("GDAL_NUM_THREADS", None)


def test_georeference(fake_product: Path) -> None:
    scene = open_scene(fake_product)
    for gsd in (10, 20, 60):
        grid = georeference(scene, gsd)
        assert grid.geotransform == (UPPER_LEFT[0], gsd, 0, UPPER_LEFT[1], 0, -gsd)
        assert (grid.rows, grid.cols) == (2400 // gsd, 2400 // gsd)
        assert 'AUTHORITY["EPSG","32632"]' in grid.crs_wkt
    check_grids(scene)


def test_footprint_is_lon_before_lat(fake_product: Path) -> None:
    west, south, east, north = footprint_lonlat(open_scene(fake_product))
    # The outermost of the corners as the command gdaltransform gives them.
    assert (west, south, east, north) == pytest.approx((10.33605, 47.82396, 10.36867, 47.84592), abs=2e-5)


def test_footprint_across_the_antimeridian(tmp_path: Path) -> None:
    product = write_safe(tmp_path, tile="T01WCP", epsg=32601, upper_left=(361620, 7302000))
    west, _, east, _ = footprint_lonlat(open_scene(product))
    assert (west, east) == pytest.approx((179.97, -179.97), abs=0.02)


def test_missing_band_file(product: Path) -> None:
    scene = open_scene(product)
    band_file(product, "B05").unlink()
    with pytest.raises(ProductNotFoundError, match=r"_B05\.jp2 does not exist; download"):
        read_bands(scene, scene.bands_at(20))
    with pytest.raises(ProductNotFoundError, match="has no file for B05, it has B01"):
        read_band(open_scene(product), "B05")
    with pytest.raises(ProductError, match="has no B05"):
        georeference(open_scene(product), 20)


def test_empty_band_file(product: Path) -> None:
    band_file(product, "B05").write_bytes(b"")
    with pytest.raises(ProductError, match=r"_B05\.jp2 is empty \(0 bytes\); download"):
        read_band(open_scene(product), "B05")


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1, -1, -2, -20])
@pytest.mark.parametrize("threads", [1, 2])
def test_truncated_jpeg2000(product: Path, kept: float, threads: int) -> None:
    path = band_file(product, "B02")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept > 0 else kept])
    for window in (None, Window(0, 0, 8, 8)):  # also where the window lies before the cut
        with pytest.raises(ProductError, match=r"_B02\.jp2 is cut short at \d+ bytes .*; download"):
            read_band(open_scene(product), "B02", window, threads)


def test_jpeg2000_whose_end_was_never_written(product: Path) -> None:
    path = band_file(product, "B02")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    with pytest.raises(ProductError, match=r"_B02\.jp2 does not end as JPEG 2000 does"):
        read_band(open_scene(product), "B02", Window(0, 0, 8, 8))


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_decoder_refuses(product: Path, threads: int, capfd: pytest.CaptureFixture[str]) -> None:
    path = band_file(product, "B02")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : -2] = bytes(len(content) - 2 - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(ProductError, match=r"_B02\.jp2 is damaged \(.+\); download"):
        read_band(open_scene(product), "B02", threads=threads)
    assert capfd.readouterr() == ("", "")


def test_truncated_jpeg2000_in_a_zip(product: Path) -> None:
    path = band_file(product, "B02")
    path.write_bytes(path.read_bytes()[:-200])
    archive = shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    with pytest.raises(ProductError, match=r"_B02\.jp2 is damaged"):
        read_band(open_scene(archive), "B02")


def test_decoder_warnings_count_as_damage(product: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = band_file(product, "B01")
    path.write_bytes(path.read_bytes()[:-2] + bytes(2))  # no end of codestream: OpenJPEG only warns
    archive = shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    with pytest.raises(ProductError, match=r"_B01\.jp2 is damaged \(.*EOC.*\)"):
        read_band(open_scene(archive), "B01")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.01])
def test_truncated_geotiff(tmp_path: Path, kept: float, capfd: pytest.CaptureFixture[str]) -> None:
    patch = write_patch_folder(tmp_path)
    path = patch / f"{patch.name}_B02.tif"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ProductError, match=r"_B02\.tif is damaged \(.+\); download"):
        read_band(open_scene(patch), "B02")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        bytes(1000),
        b"\0\0\0\1jP  " + bytes(99),
        b"\0\0\0\1jp2c" + b"\xff" * 99,
    ],
)
def test_file_that_is_no_jpeg2000(product: Path, content: bytes) -> None:
    band_file(product, "B02").write_bytes(content)
    with pytest.raises(ProductError, match=r"is cut short at \d+ bytes or is no JPEG 2000 file"):
        read_band(open_scene(product), "B02")


@pytest.mark.parametrize("form", ["to the end of the file", "64 bit"])
def test_other_forms_of_the_codestream_box(product: Path, form: str) -> None:
    path = band_file(product, "B02")
    head, _, codestream = path.read_bytes().partition(b"jp2c")
    if form == "64 bit":
        box = (1).to_bytes(4, "big") + b"jp2c" + (len(codestream) + 16).to_bytes(8, "big")
    else:
        box = bytes(4) + b"jp2c"
    path.write_bytes(head[:-4] + box + codestream)
    np.testing.assert_array_equal(read_band(open_scene(product), "B02"), expected_dn("B02", 240, 240))
    path.write_bytes(head[:-4] + box + codestream[:-2])
    with pytest.raises(ProductError, match=r"is cut short|does not end as JPEG 2000 does"):
        read_band(open_scene(product), "B02")


def write_tif(path: Path, array: np.ndarray, geotransform: tuple[float, ...] | None = None) -> None:
    """A GeoTIFF in the place of a band's own file, with or without a georeference."""
    kind = {np.dtype(np.uint8): gdal.GDT_Byte, np.dtype(np.uint16): gdal.GDT_UInt16}[array.dtype]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), array.shape[1], array.shape[0], 1, kind)
    dataset.GetRasterBand(1).WriteArray(array)
    if geotransform:
        dataset.SetGeoTransform(geotransform)
        dataset.SetProjection("EPSG:32632")


def test_wrong_dtype(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B02.tif", np.ones((120, 120), np.uint8))
    with pytest.raises(ProductError, match=r"_B02\.tif must hold one band of UInt16; got Byte"):
        read_band(open_scene(patch), "B02")


def test_wrong_size(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B03.tif", np.ones((120, 118), np.uint16))
    with pytest.raises(ProductError, match="B03 has 120 x 118 px, but B02 has 120 x 120 px; download"):
        read_bands(open_scene(patch), ("B02", "B03"))


def test_band_elsewhere(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    path = patch / f"{patch.name}_B06.tif"
    write_tif(path, np.ones((60, 60), np.uint16), (600020, 20, 0, 5300040, 0, -20))
    with pytest.raises(
        ProductError, match=r"B06 has 60 x 60 px of 20 m at \(600020, \S+\) in .+, but B05 has .*\(600000, "
    ):
        georeference(open_scene(patch), 20)


def test_no_georeference(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B02.tif", np.ones((120, 120), np.uint16))
    with pytest.raises(ProductError, match=r"_B02\.tif has no georeference"):
        georeference(open_scene(patch), 10)


def test_grids_of_different_ground(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    for band in BANDS_BY_GSD[60]:
        write_tif(patch / f"{patch.name}_{band}.tif", np.ones((19, 20), np.uint16), (600000, 60, 0, 5300040, 0, -60))
    with pytest.raises(
        ProductError, match=r"the 60 m grid has 1140 x 1200 m at .*, but the 10 m grid has 1200 x 1200 m"
    ):
        check_grids(open_scene(patch))


def test_band_file_that_cannot_be_read(product: Path) -> None:
    path = band_file(product, "B02")
    path.unlink()
    path.mkdir()
    (path / "content").touch()
    with pytest.raises(ProductError, match=r"_B02\.jp2 (cannot be read \(Is a directory\)|is empty)"):
        read_band(open_scene(product), "B02")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("tile", "rows", "cols", "epsg"),
    [("T33UUB", 600, 600, 32633), ("T49JGM", 600, 600, 32749), ("T33UUP", 360, 240, 32633)],
)
def test_real_tiles(real_data: Path, tile: str, rows: int, cols: int, epsg: int) -> None:
    scene = open_scene(next(real_data.glob(f"tiles/*_{tile}_*.SAFE")))
    check_grids(scene)
    grid = georeference(scene, 10)
    assert (grid.rows, grid.cols) == (rows, cols)
    assert f'"{epsg}"' in grid.crs_wkt
    for gsd, bands in BANDS_BY_GSD.items():
        dn = read_bands(scene, bands)
        assert dn.shape == (rows * 10 // gsd, cols * 10 // gsd, len(bands))
        assert (dn > 0).all()


@pytest.mark.real_data
def test_real_footprint(real_data: Path) -> None:
    """Malmö, as gdalinfo gives the corners of T33UUB: 11d48'02"E to 11d54'02"E, 55d51'01"N to 55d54'24"N."""
    scene = open_scene(next(real_data.glob("tiles/*_T33UUB_*.SAFE")))
    assert footprint_lonlat(scene) == pytest.approx((11.80051, 55.85034, 11.90063, 55.90662), abs=1e-5)


@pytest.mark.real_data
def test_real_patches(real_data: Path) -> None:
    for patch in (real_data / "bigearthnet/BigEarthNet-S2").iterdir():
        scene = open_scene(patch)
        for gsd, bands in BANDS_BY_GSD.items():
            assert read_bands(scene, bands).shape == (1200 // gsd, 1200 // gsd, len(bands))
        check_grids(scene)


@pytest.mark.real_data
def test_real_empty_files(real_data: Path) -> None:
    archive = next(real_data.glob("safe_metadata/l1c_N0205_zipped/*_T33UWP_*.zip"))
    with pytest.raises(ProductError, match=r"_B02\.jp2 is empty \(0 bytes\)"):
        read_band(open_scene(archive), "B02")


def test_all_thirteen_bands_of_l1c_differ(fake_product: Path) -> None:
    scene = open_scene(fake_product)
    assert [int((read_band(scene, band)[0, 0] - 1000) // 4600) for band in BANDS] == list(range(13))
