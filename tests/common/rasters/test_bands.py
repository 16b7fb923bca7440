"""Reading pixels: the right bands and windows, never transposed, and errors for damaged files."""

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
from common.rasters.grids import check_grids, georeference
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import band_file, expected_dn, write_patch_folder, write_safe, write_tif
from tests.support.manifests import damage, write_manifest


def expected_stack(bands: tuple[str, ...], rows: int, cols: int) -> np.ndarray:
    return np.stack([expected_dn(band, rows, cols) for band in bands], axis=-1)


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
    below = np.empty((10 + window.height, window.width, 2), np.uint16)[10:]
    out = data.draw(st.sampled_from([None, below]))
    dn = read_bands(open_scene(fake_product), ("B02", "B08"), window, threads, out)
    np.testing.assert_array_equal(dn, expected_stack(("B02", "B08"), 240, 240)[window.slices])
    assert out is None or dn is out


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


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1, -1, -2, -20])
@pytest.mark.parametrize("threads", [1, 2])
def test_truncated_jpeg2000(product: Path, kept: float, threads: int) -> None:
    path = band_file(product, "B02")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept > 0 else kept])
    for window in (None, Window(0, 0, 8, 8)):  # also where the window lies before the cut
        with pytest.raises(ProductError, match=r"_B02\.jp2 is cut short at \d+ bytes .*; download"):
            read_band(open_scene(product), "B02", window, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_decoder_refuses(product: Path, threads: int, capfd: pytest.CaptureFixture[str]) -> None:
    path = band_file(product, "B02")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : -2] = b"\x55" * (len(content) - 2 - len(content) // 2)
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


def test_bands_of_another_size(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B03.tif", np.ones((120, 118), np.uint16))
    with pytest.raises(ProductError, match="B03 has 120 x 118 px, but B02 has 120 x 120 px; download"):
        read_bands(open_scene(patch), ("B02", "B03"))


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
def test_real_patches(real_data: Path) -> None:
    for patch in (real_data / "bigearthnet/BigEarthNet-S2").iterdir():
        scene = open_scene(patch)
        for gsd, bands in BANDS_BY_GSD.items():
            assert read_bands(scene, bands).shape == (1200 // gsd, 1200 // gsd, len(bands))
        check_grids(scene)


def test_all_thirteen_bands_of_l1c_are_read_from_their_own_files(fake_product: Path) -> None:
    scene = open_scene(fake_product)
    assert [int((read_band(scene, band)[0, 0] - 1000) // 2300) for band in BANDS] == list(range(13))


def test_damage_that_the_decoder_does_not_notice(product: Path) -> None:
    """`tests/common/files/test_checksums.py` has the other cases. Headers are read without the check."""
    write_manifest(product)
    damage(band_file(product, "B02"))
    scene = open_scene(product)
    read_bands(scene, ("B03",))
    assert georeference(scene, 10).rows == 240
    with pytest.raises(
        ProductError, match=r"_B02\.jp2 has the MD5 \w+, but manifest\.safe gives \w+: it is damaged, or"
    ):
        read_bands(scene, ("B02",), Window(0, 0, 1, 1))
