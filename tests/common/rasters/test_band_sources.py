"""The pixels of a band are the same, whatever format they are stored in."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import ProductError, ProductNotFoundError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.band_sources import BandSource, GdalBand, open_source
from common.rasters.bands import block_rows, read_bands
from common.rasters.grids import check_grids, footprint_lonlat, georeference
from common.rasters.zarr3 import Zarr3Band
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_eopf import band_array, chunk_file, write_eopf
from tests.support.fake_safe import write_safe

SIZE = (120, 180)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """The same product as SAFE, and as EOPF of each format in folder and zip, in chunks that do not fill the edges."""
    pytest.importorskip("zarr")
    folder = tmp_path_factory.mktemp("scenes")
    paths = {"SAFE": write_safe(folder, level="L2A", baseline="05.11", size=SIZE, resampled=True)}
    for zarr_format in (2, 3):
        for zipped in (False, True):
            name = f"EOPF {zarr_format} {'zip' if zipped else 'folder'}"
            options = {"zarr_format": zarr_format, "zipped": zipped, "size": SIZE, "chunk_m": 480}
            paths[name] = write_eopf(folder / name, **options)
    return {name: open_scene(path) for name, path in paths.items()}


def read_all(source: BandSource) -> np.ndarray:
    dn = np.empty((source.rows, source.cols), np.uint16)
    source.read_into(Window(0, 0, source.rows, source.cols), dn)
    return dn


def test_each_format_has_its_reader(scenes: dict[str, Scene]) -> None:
    readers = {name: type(open_source(scene, "B02")) for name, scene in scenes.items()}
    assert {name for name, reader in readers.items() if reader is Zarr3Band} == {"EOPF 3 folder", "EOPF 3 zip"}
    assert set(readers.values()) == {GdalBand, Zarr3Band}


def test_pixels_grids_and_blocks(scenes: dict[str, Scene]) -> None:
    safe = scenes["SAFE"]
    for name, scene in scenes.items():
        for gsd, bands in BANDS_BY_GSD.items():
            np.testing.assert_array_equal(read_bands(scene, bands), read_bands(safe, bands), err_msg=name)
            assert georeference(scene, gsd) == georeference(safe, gsd)
            if name != "SAFE":
                assert block_rows(scene, bands[0]) == 480 // gsd
        check_grids(scene)
        assert footprint_lonlat(scene) == footprint_lonlat(safe)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_window(scenes: dict[str, Scene], data: st.DataObject) -> None:
    row, col = data.draw(st.integers(0, SIZE[0] - 1)), data.draw(st.integers(0, SIZE[1] - 1))
    height, width = data.draw(st.integers(1, SIZE[0] - row)), data.draw(st.integers(1, SIZE[1] - col))
    window = Window(row, col, height, width)
    expected = read_bands(scenes["SAFE"], ("B02", "B08"), window)
    for name, scene in scenes.items():
        np.testing.assert_array_equal(read_bands(scene, ("B02", "B08"), window), expected, err_msg=name)


@pytest.mark.real_data
def test_real_tile_as_safe_and_as_eopf(real_data: Path) -> None:
    pytest.importorskip("zarr")
    safe = open_scene(next(real_data.glob("tiles/*T33UUP*.SAFE")))
    for path in real_data.glob("eopf/*T33UUP*.zarr.zip"):
        scene = open_scene(path)
        assert georeference(scene, 10).crs_wkt == georeference(safe, 10).crs_wkt
        assert georeference(scene, 10).geotransform == (300000, 10, 0, 5400000, 0, -10)
        for bands in BANDS_BY_GSD.values():
            np.testing.assert_array_equal(read_bands(scene, bands), read_bands(safe, bands))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_band_that_the_scene_lacks(tmp_path: Path, zarr_format: int) -> None:
    scene = open_scene(write_eopf(tmp_path, zarr_format=zarr_format, size=24))
    with pytest.raises(ProductNotFoundError, match="has no file for B10, it has B01, B02"):
        open_source(scene, "B10")


def test_missing_chunk_is_nodata(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=60, chunk_m=240)
    expected = read_all(open_source(open_scene(product), "B02"))
    chunk_file(product, "B02", 1, 2).unlink()
    expected[24:48, 48:60] = 0
    np.testing.assert_array_equal(read_all(open_source(open_scene(product), "B02")), expected)


@pytest.mark.parametrize("content", [b"", b"no zlib", bytes(5000)])
def test_damaged_chunk(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    product = write_eopf(tmp_path, size=60, chunk_m=240)
    chunk_file(product, "B02", 1, 2).write_bytes(content)
    with pytest.raises(ProductError, match=r"r10m/b02 is damaged \(.+\); download"):
        read_all(open_source(open_scene(product), "B02"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("edited", [".zarray", "."])
def test_array_that_vanished(tmp_path: Path, edited: str) -> None:
    product = write_eopf(tmp_path, size=24)
    scene = open_scene(product)
    path = band_array(product, "B02")
    path.rename(path.with_name("gone")) if edited == "." else (path / edited).unlink()
    with pytest.raises(ProductError, match=r"r10m/b02 (is damaged|does not exist)"):
        open_source(scene, "B02")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_group_of_another_shape(tmp_path: Path, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=48)
    other = write_eopf(tmp_path / "other", zarr_format=zarr_format, size=24)
    group = band_array(product, "B05").parent
    group.rename(group.with_name("before"))
    band_array(other, "B05").parent.rename(group)
    scene = open_scene(product)
    assert georeference(scene, 20).rows == 12
    with pytest.raises(ProductError, match=r"the 20 m grid has 240 x 240 m .*, but the 10 m grid has 480 x 480 m"):
        check_grids(scene)
