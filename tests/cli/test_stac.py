"""STAC items in the commands: the same patches and predictions as of the SAFE product; bad items end in one line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from osgeo import gdal

from bigearthnet import predict as predict_classes
from bigearthnet.networks.catalogue import NETWORKS as CLASSIFIERS
from common.patches.extraction import extract_patches
from common.patches.settings import PatchSettings
from common.runs.folder import WEIGHTS, write_config
from common.scenes.tile_list import open_scene
from superres import predict
from superres.networks import catalogue
from superres.networks.build import build_network
from superres.training.config import SuperresConfig
from tests.support import made_patches
from tests.support.checks import set_random_weights
from tests.support.commands import check_fails
from tests.support.fake_safe import L2A_BANDS, textured_pixels, with_nodata, write_safe
from tests.support.fake_stac import edit_item, localize, write_bands, write_cog, write_item
from tests.support.file_server import FileServer, serve
from tests.support.made_runs import write_classifier
from tests.support.tiny_training import tiny_network

SIZE = 120


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same L2A product with nodata in a corner, as SAFE and as an item with GeoTIFFs. Do not change them."""
    folder = tmp_path_factory.mktemp("products")
    pixels = with_nodata(textured_pixels(np.random.default_rng(0), SIZE), 0, 0, 30, 48)
    pixels = {band: pixels[band] for band in L2A_BANDS}
    safe = write_safe(folder, level="L2A", baseline="05.11", size=SIZE, pixels=pixels)
    return safe, write_item(folder / "item", size=SIZE, pixels=pixels)


@pytest.fixture
def server(products: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of the item's files."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    with serve(products[1].parent) as server:
        yield server


@pytest.fixture
def remote_item(server: FileServer, tmp_path: Path) -> Path:
    """The item with its files at the server."""
    return write_item(tmp_path / "remote", url=server.url, with_files=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks, and figures that are composed but not painted."""
    monkeypatch.setitem(catalogue.NETWORKS, "dsen2", tiny_network())
    monkeypatch.setitem(CLASSIFIERS, "small", made_patches.tiny_network)
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"painted"))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of superres."""
    folder = tmp_path_factory.mktemp("run")
    write_config(folder, SuperresConfig(tiles="tiles.txt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.NETWORKS, "dsen2", tiny_network())
        model = build_network("dsen2", 20)
    set_random_weights(model, spread=0.05)
    model.save_weights(folder / WEIGHTS)
    return folder


def assert_same_patches(safe: Path, item: Path, count: int) -> None:
    expected, patches = (extract_patches(open_scene(path), PatchSettings(20, count)) for path in (safe, item))
    assert len(expected.arrays["row"])
    assert (patches.left_out, patches.arrays.keys()) == (expected.left_out, expected.arrays.keys())
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(patches.arrays[name], array, err_msg=name)


def test_patches(products: tuple[Path, Path], remote_item: Path) -> None:
    assert_same_patches(*products, 9)
    assert_same_patches(products[0], remote_item, 9)


@pytest.fixture(scope="module")
def real_items(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """The real tile T33UUP, and archive -> a real item that is pointed to GeoTIFFs of that tile."""
    safe = next(real_data.glob("tiles/*T33UUP*.SAFE"))
    folder = tmp_path_factory.mktemp("real")
    write_bands(safe, folder)
    names = {"Earth Search": "earthsearch_c1*", "Planetary Computer": "S2B*531.json", "stactools": "*MSIL2A*N0509*"}
    items = {name: localize(next(real_data.glob(f"stac/{pattern}")), folder) for name, pattern in names.items()}
    for item in items.values():
        edit_item(item, lambda content: content["properties"].update({"s2:product_uri": safe.name}))
    return safe, items


@pytest.mark.real_data
@pytest.mark.parametrize("archive", ["Earth Search", "Planetary Computer", "stactools"])
def test_patches_of_a_real_tile(real_items: tuple[Path, dict[str, Path]], archive: str) -> None:
    """Its offset of -1000 comes from the item, or from the product XML where the item names it."""
    safe, items = real_items
    assert open_scene(items[archive]).offsets == {band: -1000 for band in L2A_BANDS}
    assert_same_patches(safe, items[archive], 20)


def predict_with(run_folder: Path, scene: Path, output: Path, *words: str) -> gdal.Dataset:
    assert predict.main([str(scene), "--run-dir", str(run_folder), "--copy-10m", "--output", str(output), *words]) == 0
    return gdal.Open(str(output))


def test_prediction(products: tuple[Path, Path], remote_item: Path, run_folder: Path, tmp_path: Path) -> None:
    """The GeoTIFF has the same pixels, georeference, scale, offset, nodata and tags."""
    scenes = {"SAFE": products[0], "item": remote_item}
    safe, item = (predict_with(run_folder, scene, tmp_path / f"{name}.tif") for name, scene in scenes.items())
    assert not safe.ReadAsArray()[:, :30, :48].any()
    np.testing.assert_array_equal(item.ReadAsArray(), safe.ReadAsArray())
    assert (item.GetGeoTransform(), item.GetProjection()) == (safe.GetGeoTransform(), safe.GetProjection())
    for index in range(1, safe.RasterCount + 1):
        facts = [
            (band.GetDescription(), band.GetScale(), band.GetOffset(), band.GetNoDataValue(), band.GetMetadata())
            for band in (safe.GetRasterBand(index), item.GetRasterBand(index))
        ]
        assert facts[0] == facts[1]
    varying = {"command", "created_utc", "TIFFTAG_DATETIME"}
    tags = [{k: v for k, v in dataset.GetMetadata().items() if k not in varying} for dataset in (safe, item)]
    assert tags[0] == tags[1]


@pytest.mark.real_data
def test_prediction_of_a_real_tile(real_items: tuple[Path, dict[str, Path]], run_folder: Path, tmp_path: Path) -> None:
    safe, items = real_items
    region = ("--roi-pixels", "0,60,120,120")
    expected = predict_with(run_folder, safe, tmp_path / "safe.tif", *region).ReadAsArray()
    assert expected.any()
    result = predict_with(run_folder, items["Earth Search"], tmp_path / "item.tif", *region).ReadAsArray()
    np.testing.assert_array_equal(result, expected)


def test_land_cover(products: tuple[Path, Path], tmp_path: Path) -> None:
    write_classifier(tmp_path / "classifier", "s2")
    results = []
    for product in products:
        output = tmp_path / product.suffix
        words = [str(product), "--run-dir", str(tmp_path / "classifier"), "--output", str(output)]
        assert predict_classes.main(words) == 0
        results.append({path.name: path.read_bytes() for path in output.glob("*.csv")})
    assert results[0]
    assert results[0] == results[1]


def replace_with(text: str) -> Callable[[Path, FileServer], object]:
    return lambda item, server: item.write_text(text)


def change(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path, FileServer], object]:
    return lambda item, server: edit_item(item, edit)


BAD = {
    "collection": (replace_with('{"type": "Collection"}'), "is a STAC collection; give the JSON file"),
    "search": (replace_with('{"type": "FeatureCollection"}'), "is a list of STAC items, as a search returns it"),
    "HTML": (replace_with("<html>Sign in"), "is no JSON"),
    "cube": (change(lambda item: item["properties"].update({"cube:dimensions": {}})), "is an item of a data cube"),
    "Landsat": (change(lambda item: item["properties"].update(platform="landsat-9")), "has the platform landsat-9"),
    "no bands": (change(lambda item: item.update(assets={})), "has no assets of Sentinel-2 bands"),
    "no B11": (change(lambda item: item["assets"].pop("swir16")), "has no B11; the 20 m bands are"),
    "s3": (change(lambda item: item["assets"]["red"].update(href="s3://a/B04.tif")), "no credentials are handled"),
    "two offsets": (
        change(lambda item: item["assets"]["red"].update({"raster:offset": 0})),
        r"red has the offset -0\.1 and 0; correct the item",
    ),
    "no file": (change(lambda item: item["assets"]["red"].update(href="B4.tif")), r"B4\.tif does not exist"),
    "404": (lambda item, server: server.statuses.update(B11=404), r"B11\.tif does not exist: the server answers 404"),
    "403": (lambda item, server: server.statuses.update(B11=403), r"B11\.tif cannot be read: the server answers 403"),
    "500": (lambda item, server: server.statuses.update(B11=500), r"B11\.tif cannot be read: the server answers 500"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_items(
    remote_item: Path, server: FileServer, run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture, case: str
) -> None:
    damage, message = BAD[case]
    damage(remote_item, server)
    words = [remote_item, "--run-dir", run_folder, "--output", tmp_path / "out.tif"]
    check_fails(predict.main, capfd, f".*{message}.*", words)
    assert not list(tmp_path.glob("*out*"))


def test_a_server_that_stops_while_the_scene_is_predicted(
    tmp_path: Path, run_folder: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    noise = np.random.default_rng(0).integers(1500, 9000, (150, 150), np.uint16)
    with serve(tmp_path / "item") as server:
        item = write_item(tmp_path / "item", size=300, url=server.url)
        write_cog(tmp_path / "item" / "B11.tif", noise, 20)
        server.breaks.add("B11")
        words = [item, "--run-dir", run_folder, "--output", tmp_path / "out.tif"]
        check_fails(predict.main, capfd, r".*B11\.tif cannot be read to its end.*", words)
    assert not list(tmp_path.glob("*out*"))


def test_the_files_of_an_item_are_not_overwritten(
    products: tuple[Path, Path], run_folder: Path, capfd: pytest.CaptureFixture
) -> None:
    item = products[1]
    before = (item.parent / "B04.tif").read_bytes()
    refusals = {item: "must end with .tif or .tiff", item.parent / "B04.tif": "is an input, or lies in"}
    for output, refusal in refusals.items():
        words = [item, "--run-dir", run_folder, "--output", output, "--overwrite"]
        check_fails(predict.main, capfd, f".*--output .+ {refusal}.+", words)
    assert (item.parent / "B04.tif").read_bytes() == before
    assert json.loads(item.read_text())["type"] == "Feature"
