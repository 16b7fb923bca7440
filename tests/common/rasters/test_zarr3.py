"""Bands in Zarr format 3: pixels, georeference, damage, and the missing package."""

import builtins
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import ProductError, SettingError
from common.pixels.windows import Window
from common.rasters.zarr3 import Zarr3Band
from common.scenes.tile_list import open_scene
from tests.support.fake_eopf import band_array, chunk_file, edit_json, write_array, write_eopf
from tests.support.fake_safe import UPPER_LEFT, expected_dn
from tests.support.permissions import without_permission

pytest.importorskip("zarr")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product of 60 x 120 px in chunks of 48 x 48, to damage."""
    return write_eopf(tmp_path, zarr_format=3, size=(60, 120), chunk_m=480)


def open_band(product: Path, band: str = "B02") -> Zarr3Band:
    return Zarr3Band(open_scene(product), band)


def read_all(band: Zarr3Band) -> np.ndarray:
    dn = np.empty((band.rows, band.cols), np.uint16)
    band.read_into(Window(0, 0, band.rows, band.cols), dn)
    return dn


@pytest.mark.parametrize("zipped", [False, True])
def test_pixels_and_georeference(tmp_path: Path, zipped: bool) -> None:
    band = open_band(write_eopf(tmp_path, zarr_format=3, size=(60, 120), chunk_m=480, zipped=zipped))
    assert (band.rows, band.cols, band.block_rows, band.crs_wkt) == (60, 120, 48, "")
    assert band.geotransform() == (UPPER_LEFT[0], 10, 0, UPPER_LEFT[1], 0, -10)
    dn = np.zeros((20, 30, 2), np.uint16)
    band.read_into(Window(35, 40, 20, 30), dn[..., 1])
    np.testing.assert_array_equal(dn[..., 1], expected_dn("B02", 60, 120)[35:55, 40:70])
    assert not dn[..., 0].any()


def test_missing_chunk_is_nodata(product: Path) -> None:
    chunk_file(product, "B02", 1, 1).unlink()
    expected = expected_dn("B02", 60, 120)
    expected[48:60, 48:96] = 0
    np.testing.assert_array_equal(read_all(open_band(product)), expected)


@pytest.mark.parametrize("content", [b"", b"no gzip", bytes(5000)])
def test_damaged_chunk(product: Path, content: bytes) -> None:
    chunk_file(product, "B02", 1, 1).write_bytes(content)
    with pytest.raises(ProductError, match=r"r10m/b02 is damaged \(.+\); download"):
        read_all(open_band(product))


@pytest.mark.parametrize("codecs", [[], [{"name": "unknown"}], "gzip"])
def test_damaged_metadata(product: Path, codecs: object) -> None:
    scene = open_scene(product)
    edit_json(band_array(product, "B02") / "zarr.json", codecs=codecs)
    with pytest.raises(ProductError, match=r"r10m/b02 is damaged \([^\n]+\); download"):
        Zarr3Band(scene, "B02")


@pytest.mark.parametrize("centres", [[5] * 120, [*range(119), 500]])
def test_centres_without_an_even_distance_are_no_georeference(product: Path, centres: list[int]) -> None:
    axis = band_array(product, "B02").with_name("x")
    shutil.rmtree(axis)
    write_array(axis, 3, np.array(centres, np.int64), ("x",), 1000)
    assert open_band(product).geotransform() is None


def test_without_zarr_python(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = builtins.__import__

    def refuse(name: str, *arguments: object, **options: object) -> object:
        if name.partition(".")[0] == "zarr":
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingError, match=r"is in Zarr format 3, which needs the package zarr; run pip install 'jeop"):
        open_band(product)


def test_the_fake_metadata_are_those_that_zarr_writes(tmp_path: Path) -> None:
    import zarr
    from zarr.codecs import BytesCodec, GzipCodec

    image = expected_dn("B02", 60, 60)
    write_array(tmp_path / "ours", 3, image, ("y", "x"), 48, {"scale_factor": 0.0001})
    options = {"serializer": BytesCodec(), "compressors": GzipCodec(level=1), "dimension_names": ["y", "x"]}
    array = zarr.create_array(tmp_path / "theirs", shape=image.shape, chunks=(48, 48), dtype="uint16", **options)
    array.attrs["scale_factor"] = 0.0001
    ours, theirs = (json.loads((tmp_path / name / "zarr.json").read_text()) for name in ("ours", "theirs"))
    assert theirs | ours == theirs


def test_a_file_that_the_system_refuses_is_not_called_damaged(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=60, zarr_format=3)
    band = open_band(product)
    (chunk,) = band_array(product, "B02").glob("c/0/0")
    with (
        without_permission(chunk),
        pytest.raises(ProductError, match=r"b02 cannot be read \(Permission denied\); check"),
    ):
        band.read_into(Window(0, 0, 60, 60), np.empty((60, 60), np.uint16))
