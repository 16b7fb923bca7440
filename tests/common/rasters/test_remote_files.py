"""Bands at http addresses: the pixels of the files, in few requests; each way in which a server fails is one clear error."""

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import ProductError, ProductNotFoundError, SettingError
from common.pixels.sentinel2 import BANDS
from common.pixels.windows import Window
from common.rasters.bands import read_band
from common.rasters.files import as_product_error, http_options, open_band
from common.rasters.grids import check_grids
from common.rasters.masks import with_mask
from common.rasters.strips import StripReader
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import expected_dn, write_safe
from tests.support.fake_stac import write_cog, write_item
from tests.support.file_server import FileServer, serve

SIZE, BLOCK = 480, 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an item."""
    classification = np.zeros((SIZE // 2, SIZE // 2), np.uint8)
    classification[1:, :] = 4
    return write_item(tmp_path_factory.mktemp("files"), size=SIZE, classification=classification).parent


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of these files. GDAL waits a short time before it asks again."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    with serve(folder) as server:
        yield server


@pytest.fixture
def scene(server: FileServer, tmp_path: Path) -> Scene:
    """The scene of an item whose files are at the server."""
    classification = np.zeros((1, 1), np.uint8)
    return open_scene(write_item(tmp_path / "item", url=server.url, with_files=False, classification=classification))


def test_pixels_and_grids(scene: Scene) -> None:
    check_grids(scene)
    for band in ("B03", "B8A", "B01"):
        side = SIZE * 10 // BANDS[band].gsd
        np.testing.assert_array_equal(read_band(scene, band), expected_dn(band, side, side))
    window = Window(100, 200, 30, 40)
    np.testing.assert_array_equal(read_band(scene, "B03", window), expected_dn("B03", SIZE, SIZE)[window.slices])


def test_requests(scene: Scene, server: FileServer) -> None:
    """A file has a request for its size, one for its head, and one for each row of blocks; no byte is sent twice."""
    reader = StripReader(scene, (10, 20), Window(0, 0, SIZE, SIZE))
    for top in range(0, SIZE, 60):
        reader.read(top, top + 60)
    blocks = {
        band: (-(-SIZE * 10 // BANDS[band].gsd // BLOCK)) ** 2 for band in (*scene.bands_at(10), *scene.bands_at(20))
    }
    assert 0 < len(server.requests) <= sum(blocks.values())
    for band in blocks:
        ranges = [asked for _, path, asked in server.requests if path == f"/{band}.tif" and asked]
        first_and_last = sorted(tuple(map(int, asked.removeprefix("bytes=").split("-"))) for asked in ranges)
        assert all(last < first for (_, last), (first, _) in itertools.pairwise(first_and_last))
    assert {Path(path).name for _, path, _ in server.requests} == {f"{band}.tif" for band in blocks}


def test_scene_classification(scene: Scene) -> None:
    masked = read_band(with_mask(scene, "SCL"), "B03") == scene.nodata
    assert masked[:2].all()
    assert not masked[2:].any()


def test_jpeg_2000(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=60)
    local = open_scene(product)
    with serve(product) as server:
        path = Path(local.band_paths["B03"]).relative_to(product)
        remote = open_scene(write_item(tmp_path / "item", with_files=False))
        remote.band_paths["B03"] = f"/vsicurl/{server.url}/{path}?sig=1"
        np.testing.assert_array_equal(read_band(remote, "B03"), read_band(local, "B03"))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            401,
            "B03.tif cannot be read: the server answers 401: it wants credentials, which are not handled; try again, or",
        ),
        (
            403,
            "B03.tif cannot be read: the server answers 403: it wants credentials, which are not handled, or a fresh",
        ),
        (404, "B03.tif does not exist: the server answers 404; correct the item"),
        (416, r"B03.tif is empty \(0 bytes\); download it, or correct"),
        (500, "B03.tif cannot be read: the server answers 500; try again, or download the files"),
        (503, "B03.tif cannot be read: the server answers 503"),
    ],
)
def test_other_answers(scene: Scene, server: FileServer, status: int, message: str) -> None:
    server.statuses["B03"] = status
    with pytest.raises(ProductNotFoundError if status == 404 else ProductError, match=rf"^{server.url}/{message}"):
        open_band(scene, "B03")
    server.statuses.clear()
    if status not in (404, 416):  # which GDAL remembers
        assert open_band(scene, "B03").RasterXSize == SIZE


def test_a_server_that_is_busy_for_a_moment(scene: Scene, server: FileServer) -> None:
    """A request that is repeated with success is no damage."""
    dataset = open_band(scene, "B03")
    server.statuses_once["B03"] = 503
    with as_product_error(scene.band_paths["B03"], warnings_too=True):
        pixels = dataset.ReadAsArray()
    np.testing.assert_array_equal(pixels, expected_dn("B03", SIZE, SIZE))
    assert not server.statuses_once


def test_a_server_that_fails_while_it_is_read(scene: Scene, server: FileServer) -> None:
    assert open_band(scene, "B03")
    server.statuses["B03"] = 500
    with pytest.raises(ProductError, match=r"B03.tif cannot be read"):
        read_band(scene, "B03")


def test_a_server_that_stops_in_the_middle(scene: Scene, server: FileServer) -> None:
    server.breaks.add("B03")
    with pytest.raises(
        ProductError, match=r"B03.tif cannot be read to its end, or is damaged \(.+\); try again, or"
    ) as error:
        read_band(scene, "B03")
    assert "vsicurl" not in str(error.value)


def test_a_server_that_does_not_answer(scene: Scene, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    server.stalls.add("B03")
    start = time.monotonic()
    with pytest.raises(ProductError, match=r"B03.tif cannot be read: the server does not answer"):
        open_band(scene, "B03")
    assert time.monotonic() - start < 20


def test_no_server(scene: Scene) -> None:
    scene.band_paths["B03"] = "/vsicurl/http://127.0.0.1:1/B03.tif?sig=secret"
    with pytest.raises(ProductError, match=r"^http://127.0.0.1:1/B03.tif cannot be read: the server does not answer"):
        open_band(scene, "B03")


def test_a_server_without_range_requests(tmp_path: Path) -> None:
    """GDAL reads small files whole; of others it says that they cannot be read in parts."""
    noise = np.random.default_rng(0).integers(2, 9000, (600, 600), np.uint16)
    write_cog(tmp_path / "B03.tif", noise, 10)
    write_cog(tmp_path / "B04.tif", noise[:60, :60], 10)
    with serve(tmp_path, answers_ranges=False) as server:
        scene = open_scene(write_item(tmp_path / "item", url=server.url, with_files=False))
        with pytest.raises(
            ProductError, match=r"B03.tif cannot be read in parts: its server answers no range requests"
        ):
            read_band(scene, "B03")
        np.testing.assert_array_equal(read_band(scene, "B04"), noise[:60, :60])


def test_the_options_of_the_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "7")
    names = ("GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_CONNECTTIMEOUT")
    with http_options("/vsicurl/http://host/B03.tif"):
        assert [gdal.GetConfigOption(name) for name in names] == ["7", "20"]
    with http_options("/data/B03.tif"):
        assert [gdal.GetConfigOption(name) for name in names] == ["7", None]
    assert [gdal.GetConfigOption(name) for name in names] == ["7", None]


def test_a_mask_that_is_not_there(scene: Scene, server: FileServer) -> None:
    server.statuses["SCL"] = 404
    with pytest.raises(SettingError, match="--mask SCL cannot be read as a raster"):
        with_mask(scene, "SCL")


def test_a_resampled_file_is_refused(scene: Scene, server: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the item says of it."""
    scene.band_paths["B03"] = scene.band_paths["B05"]
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(ProductError, match="pixels of 20 m; the native GSD of B03 is 10 m"),
    ):
        check_grids(scene)
