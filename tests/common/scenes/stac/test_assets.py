"""Assets of items: which band each holds, whether it is native, where its file is, and its radiometry."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS
from common.scenes.stac.assets import band_assets, classification_path, product_metadata_path, resolve
from common.scenes.stac.item import read_item
from tests.support.fake_safe import L2A_BANDS
from tests.support.fake_stac import band_asset, edit_item, write_item

RED = {"href": "https://h/B04.tif", "type": "image/tiff"}


def assets_of(folder: Path, *removed: str, **added: dict[str, Any]) -> dict:
    """The band assets of an item of which some assets were removed, and others were added or replaced."""
    path = write_item(folder, with_files=False)

    def change(content: dict[str, Any]) -> None:
        for key in removed:
            del content["assets"][key]
        content["assets"].update(added)

    edit_item(path, change)
    return band_assets(read_item(path), path)


@pytest.mark.parametrize(("level", "bands"), [("L1C", tuple(BANDS)), ("L2A", L2A_BANDS)])
def test_all_bands_by_common_names(tmp_path: Path, level: str, bands: tuple[str, ...]) -> None:
    path = write_item(tmp_path, level=level, with_files=False)
    assets = band_assets(read_item(path), path)
    assert {band: asset.path for band, asset in assets.items()} == {b: str(tmp_path / f"{b}.tif") for b in bands}
    assert list(assets) == list(bands)


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("B04", {}),  # Earth Search v0
        ("b04_10m", {}),
        ("red", {}),
        ("RED-tif", {}),
        ("x", {"eo:bands": [{"name": "B04"}]}),
        ("x", {"eo:bands": [{"name": "B4", "common_name": "nir"}]}),
        ("x", {"eo:bands": [{"name": "red", "common_name": "red"}]}),  # Earth Search v1
        ("x", {"eo:bands": [{"name": "band 4", "common_name": "red"}]}),
        ("B04_10m", {"bands": [{"name": "B04", "eo:common_name": "red"}], "gsd": 10}),  # CDSE
        ("x", {"bands": [{"eo:common_name": "red"}]}),
        ("x", {"bands": [{"name": "B04"}], "eo:bands": [{"name": "B04"}]}),
    ],
)
def test_names_of_a_band(tmp_path: Path, key: str, fields: dict[str, Any]) -> None:
    assets = assets_of(tmp_path, "red", **{key: RED | fields})
    assert (assets["B04"].key, assets["B04"].path) == (key, "/vsicurl/https://h/B04.tif")


@pytest.mark.parametrize("number, band", [("1", "B05"), ("2", "B06"), ("3", "B07"), ("071", "B05"), ("078", "B07")])
def test_red_edge_bands_have_numbers(tmp_path: Path, number: str, band: str) -> None:
    keys = {"B05": "rededge1", "B06": "rededge2", "B07": "rededge3"}
    assets = assets_of(tmp_path, keys[band], **{f"rededge{number}": RED | {"eo:bands": [{"common_name": "rededge"}]}})
    assert assets[band].path == "/vsicurl/https://h/B04.tif"


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("red", {"gsd": 20}),
        ("red", {"proj:transform": [20.0, 0, 0, 0, -20.0, 0]}),
        ("red", {"raster:bands": [{"spatial_resolution": 60}], "gsd": 10}),
        ("red", {"bands": [{"name": "B04", "raster:spatial_resolution": 20}]}),
        ("red", {"raster:spatial_resolution": 20}),
        ("red_20m", {}),
        ("red", {"eo:bands": [{"name": "B04"}, {"name": "B03"}, {"name": "B02"}]}),
        ("visual_10m", {}),
        ("rededge", {}),
        ("B14", {}),
        ("x", {"eo:bands": [{"name": 4}]}),
        ("x", {"eo:bands": [4]}),
        ("x", {"eo:bands": "red"}),
    ],
)
def test_assets_that_hold_no_native_band(tmp_path: Path, key: str, fields: dict[str, Any]) -> None:
    assert "B04" not in assets_of(tmp_path, "red", **{key: RED | fields})


def test_a_native_asset_is_read_beside_resampled_ones(tmp_path: Path) -> None:
    copies = {"red_20m": band_asset("B04", "a.tif") | {"gsd": None, "proj:transform": [20, 0, 0, 0, -20, 0]}}
    assert assets_of(tmp_path, **copies)["B04"].key == "red"


def test_a_geotiff_that_can_be_reached_is_read(tmp_path: Path) -> None:
    """Earth Search v1 names the JPEG 2000 files in a bucket of which the reader pays, too."""
    jp2 = band_asset("B04", "s3://sentinel-s2-l2a/tiles/33/U/UB/B04.jp2") | {"type": "image/jp2"}
    assert assets_of(tmp_path / "1", **{"red-jp2": jp2})["B04"].key == "red"
    local = jp2 | {"href": "./B04.jp2"}
    assert assets_of(tmp_path / "2", **{"red-jp2": local})["B04"].key == "red"
    alone = assets_of(tmp_path / "3", "red", **{"red-jp2": local})["B04"]
    assert (alone.key, alone.is_jpeg2000) == ("red-jp2", True)
    remote_tif = band_asset("B04", "s3://bucket/B04.tif")
    assert assets_of(tmp_path / "5", **{"red": remote_tif, "red-jp2": local})["B04"].key == "red-jp2"
    with pytest.raises(ProductError, match=r"neither local nor at an http address \(red-jp2 at s3://sentinel-s2-l2a/"):
        assets_of(tmp_path / "4", "red", **{"red-jp2": jp2})


def test_two_assets_for_one_band(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"has 2 assets for B04 \(red, B04\); remove all but one"):
        assets_of(tmp_path, B04=RED)


def test_an_item_without_bands(tmp_path: Path) -> None:
    path = write_item(tmp_path, with_files=False)
    edit_item(path, lambda content: content.update(assets={"visual": RED, "data": RED}))
    with pytest.raises(
        ProductError, match="has no assets of Sentinel-2 bands at their own GSD; its assets are visual, data"
    ):
        band_assets(read_item(path), path)
    edit_item(path, lambda content: content.update(assets={}))
    with pytest.raises(ProductError, match="its assets are none: give an item of L1C or L2A"):
        band_assets(read_item(path), path)


@pytest.mark.parametrize(
    "fields",
    [
        {"raster:bands": [{"scale": 0.0001, "offset": -0.1, "nodata": 0}]},
        {"bands": [{"name": "B04", "raster:scale": 0.0001, "raster:offset": -0.1, "nodata": 0}]},
        {"bands": [{"name": "B04"}], "raster:scale": 0.0001, "raster:offset": -0.1, "nodata": 0},  # CDSE
    ],
)
def test_radiometry_as_each_version_of_stac_writes_it(tmp_path: Path, fields: dict[str, Any]) -> None:
    asset = assets_of(tmp_path, red=RED | fields)["B04"]
    assert (asset.scale, asset.offset, asset.nodata) == (0.0001, -0.1, 0)


def test_radiometry_that_is_absent(tmp_path: Path) -> None:
    asset = assets_of(tmp_path, red=RED)["B04"]
    assert (asset.scale, asset.offset, asset.nodata) == (None, None, None)


@pytest.mark.parametrize("offset", ["-0.1", True, [-0.1], float("nan"), float("-inf"), {}])
def test_an_offset_that_is_no_number(tmp_path: Path, offset: Any) -> None:
    with pytest.raises(ProductError, match=r"red has the offset .+, not a number; correct the item"):
        assets_of(tmp_path, red=RED | {"raster:offset": offset})


def test_one_file_for_two_bands(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"has the file \./B04\.tif for B04 and for B08; correct the item"):
        assets_of(tmp_path, red={"href": "./B04.tif"}, nir={"href": "./B04.tif"})


def test_an_asset_with_two_offsets(tmp_path: Path) -> None:
    fields = {"raster:bands": [{"offset": -0.1}], "raster:offset": 0}
    with pytest.raises(ProductError, match=r"red has the offset -0\.1 and 0; correct the item"):
        assets_of(tmp_path, red=RED | fields)


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("./B04.tif", "/items/B04.tif"),
        ("../R10m/B04.jp2", "/items/../R10m/B04.jp2"),
        ("/data/B04.tif", "/data/B04.tif"),
        ("file:///data/my%20files/B04.tif", "/data/my files/B04.tif"),
        ("https://host/B04.tif?sig=a%2Fb", "/vsicurl/https://host/B04.tif?sig=a%2Fb"),
        ("https://host/my files/é.tif?a=%2F", "/vsicurl/https://host/my%20files/%C3%A9.tif?a=%2F"),
        ("HTTP://host/B04.tif", "/vsicurl/HTTP://host/B04.tif"),
        ("s3://bucket/B04.tif", ""),
        ("gs://bucket/B04.tif", ""),
        ("/vsis3/bucket/B04.tif", ""),
        ("/vsistdin/", ""),
        ("https:///B04.tif", ""),
        ("https://[host/B04.tif", ""),
        ("B04.tif\0", ""),
        ("https://host/\ud800.tif", ""),
        ("\ud800.tif", ""),
        ("", ""),
        (None, ""),
        (4, ""),
    ],
)
def test_paths_of_files(href: Any, path: str) -> None:
    assert resolve(href, Path("/items/item.json")) == path


def test_files_of_an_item_that_is_a_link(tmp_path: Path) -> None:
    """They are beside the link or, if not there, beside the item."""
    (tmp_path / "archive").mkdir()
    link = tmp_path / "item.json"
    link.symlink_to(tmp_path / "archive" / "item.json")
    assert resolve("./B04.tif", link) == str(tmp_path / "archive" / "B04.tif")
    (tmp_path / "B04.tif").touch()
    assert resolve("./B04.tif", link) == str(tmp_path / "B04.tif")


def test_scene_classification_and_product_xml(tmp_path: Path) -> None:
    path = write_item(tmp_path, with_files=False)
    item = read_item(path)
    assert (classification_path(item, path), product_metadata_path(item, path)) == ("", "")
    xml = {"type": "application/xml", "roles": ["metadata"]}
    assets = {
        "scl-jp2": RED | {"href": "s3://bucket/SCL.jp2", "gsd": 20},
        "scl_60m": RED | {"href": "SCL60.tif", "gsd": 60},
        "SCL_20m": RED | {"href": "SCL20.tif", "gsd": 20},
        "granule_metadata": xml | {"href": "MTD_TL.xml"},
        "product-metadata": xml | {"href": "MTD.xml"},  # Planetary Computer
    }
    edit_item(path, lambda content: content["assets"].update(assets))
    item = read_item(path)
    assert classification_path(item, path) == str(tmp_path / "SCL20.tif")
    assert product_metadata_path(item, path) == str(tmp_path / "MTD.xml")
    by_name = {"metadata": xml | {"href": "https://h/X.SAFE/MTD_MSIL2A.xml?sig=1"}}
    edit_item(path, lambda content: content.update(assets=by_name))
    assert product_metadata_path(read_item(path), path) == "/vsicurl/https://h/X.SAFE/MTD_MSIL2A.xml?sig=1"
