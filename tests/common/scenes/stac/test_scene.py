"""STAC items as scenes: made ones, real ones of five archives, and ones that are damaged in many ways."""

import copy
import json
import logging
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from common.errors import ProductError, S2Error
from common.pixels.sentinel2 import BANDS
from common.scenes.safe import read_product
from common.scenes.stac.scene import read_stac_item
from tests.support.fake_safe import L2A_BANDS, write_safe
from tests.support.fake_stac import edit_item, localize, write_item
from tests.support.file_server import serve

NAME = "S2C_MSIL2A_20200701T101031_N0511_R022_T32TNS_20200701T101031"


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """An item of L2A without files."""
    return write_item(tmp_path, satellite="S2C", with_files=False)


def set_property(path: Path, name: str, value: Any) -> None:
    edit_item(path, lambda content: content["properties"].update({name: value}))


def test_metadata(item: Path) -> None:
    scene = read_stac_item(item)
    assert (scene.name, scene.path, scene.level, scene.tile, scene.satellite) == (NAME, item, "L2A", "T32TNS", "S2C")
    assert (scene.baseline, scene.sensing_time) == ("05.11", "2020-07-01T10:10:31.024Z")
    assert (scene.quantification, scene.nodata, scene.saturated) == (10000, 0, 65535)
    assert scene.offsets == dict.fromkeys(L2A_BANDS, -1000.0)
    assert scene.band_paths == {band: str(item.parent / f"{band}.tif") for band in L2A_BANDS}
    assert (scene.classification_path, scene.crs, scene.zarr_format) == ("", "", 0)


def test_the_id_is_the_name_without_a_product(item: Path) -> None:
    set_property(item, "s2:product_uri", None)
    assert read_stac_item(item).name == "S2C_T32TNS_20200701T101031_L2A"


REAL = {  # name of the file -> scene, and the source of its offset without the product XML
    "S2A_28QCH": ("S2A_MSIL2A_20200714T115221_N0214_R123_T28QCH_20200714T191310", "02.14", "0 from baseline"),
    "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json": (
        "S2B_MSIL2A_20190629T212529_N0212_R043_T06VVN_20201006T080531",
        "02.12",
        "0 from baseline",
    ),
    "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531_raster_ext": (
        "S2B_MSIL2A_20190629T212529_N0212_R043_T06VVN_20201006T080531",
        "02.12",
        "0 from baseline",
    ),
    "cdse_": ("S2C_MSIL2A_20250330T100051_N0511_R122_T33UWP_20250330T145914", "05.11", "-1000 from raster:offset"),
    "earthsearch_c1": (
        "S2B_MSIL2A_20250422T091559_N0511_R093_T38XNF_20250422T101110",
        "05.11",
        "-1000 from raster:offset",
    ),
    "stactools_S2A_MSIL1C": (
        "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248",
        "03.01",
        "0 from raster:offset",
    ),
    "stactools_S2A_MSIL2A": (
        "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157",
        "05.09",
        "-1000 from raster:offset",
    ),
    "stactools_S2A_OPER": (
        "S2A_OPER_MSI_L2A_TL_2APS_20240108T121951_A044635_T34VEL",
        "05.10",
        "-1000 from raster:offset",
    ),
    "stactools_S2B_MSIL2A": (
        "S2B_OPER_MSI_L2A_TL_S2RP_20230315T224658_A018417_T01VCG",
        "05.00",
        "-1000 from raster:offset",
    ),
}


@pytest.mark.real_data
@pytest.mark.parametrize("start", REAL)
def test_real_items(real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, start: str) -> None:
    """Each at the native GSD of its bands, although L2A items also hold resampled ones."""
    path = localize(next(real_data.glob(f"stac/{start}*")), tmp_path)
    name, baseline, source = REAL[start]
    with caplog.at_level(logging.INFO):
        scene = read_stac_item(path)
    level = "L1C" if "MSIL1C" in name else "L2A"
    tile = next(part for part in name.split("_") if len(part) == 6 and part.startswith("T"))
    assert (scene.name, scene.level, scene.tile, scene.satellite) == (name, level, tile, name[:3])
    assert (scene.baseline, scene.sensing_time[:10].replace("-", "")) == (baseline, sensing_day(path))
    bands = {"cdse_": ("B01", "B02")}.get(start, tuple(BANDS) if level == "L1C" else L2A_BANDS)
    assert scene.band_paths == {band: str(tmp_path / f"{band}.tif") for band in bands}
    assert set(scene.offsets.values()) == {float(source.split()[0])}
    assert f"is read with offset {source}" in caplog.text
    has_classification = level == "L2A" and start != "cdse_"
    assert ("SCL" in scene.classification_path) == has_classification
    assert "60m" not in scene.classification_path and "R60m" not in scene.classification_path


def sensing_day(path: Path) -> str:
    return json.loads(path.read_text())["properties"]["datetime"][:10].replace("-", "")


@pytest.mark.real_data
def test_the_real_item_of_cdse_needs_credentials(real_data: Path) -> None:
    with pytest.raises(
        ProductError, match=r"neither local nor at an http address .B01_60m at s3://eodata/.+no credentials"
    ):
        read_stac_item(next(real_data.glob("stac/cdse_*")))


def with_product_xml(item: Path, href: str, **options: Any) -> Path:
    """Write a product XML beside an item, name it `href` in the item, and return the XML."""
    product = write_safe(item.parent / "safe", size=6, pixels={}, level="L2A", **options)
    edit_item(item, lambda content: content["assets"].update(product_metadata={"href": href}))
    return Path(shutil.copy(product / "MTD_MSIL2A.xml", item.parent / "MTD.xml"))


def test_the_product_xml_decides(item: Path, caplog: pytest.LogCaptureFixture) -> None:
    with_product_xml(item, "./MTD.xml", baseline="05.11", offset=-900)
    scene = read_stac_item(item)
    assert set(scene.offsets.values()) == {-900}
    (product,) = read_product(next(item.parent.glob("safe/*.SAFE")))
    assert (scene.passbands, scene.saturated) == (product.passbands, product.saturated)
    assert f"{NAME} is read with offset -900 from the product XML, but raster:offset says -1000" in caplog.text


def test_the_product_xml_of_a_server(item: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serve(item.parent) as server, caplog.at_level(logging.INFO):
        with_product_xml(item, f"{server.url}/MTD.xml?sig=1", baseline="05.11", offset=-900)
        assert set(read_stac_item(item).offsets.values()) == {-900}
        server.statuses["MTD"] = 403
        assert set(read_stac_item(item).offsets.values()) == {-1000}
    assert "the product XML is not at hand (HTTP Error 403: Forbidden)" in caplog.text


def test_a_product_xml_that_is_none(item: Path) -> None:
    xml = with_product_xml(item, "./MTD.xml")
    xml.write_text(xml.read_text().replace("Level-2A", "Level-1C"))
    with pytest.raises(ProductError, match="is an item of L2A, but its product XML is of L1C; correct the item"):
        read_stac_item(item)
    xml.write_text("<html>Sign in")
    with pytest.raises(ProductError, match=r"the product XML of .+ is no readable XML"):
        read_stac_item(item)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("platform", "landsat-8", "has the platform landsat-8; expected sentinel-2a, -2b, -2c or -2d: give an item of"),
        ("datetime", "2020-13-01T00:00:00Z", "is no valid STAC item .ValueError: month must be in 1..12"),
    ],
)
def test_other_properties(item: Path, name: str, value: Any, message: str) -> None:
    set_property(item, "s2:product_uri", None)
    set_property(item, name, value)
    with pytest.raises(ProductError, match=message):
        read_stac_item(item)


def test_an_item_of_another_product_of_sentinel_2(item: Path) -> None:
    """As the harmonised product of NASA, whose bands have the same names."""
    for name in ("s2:product_uri", "s2:product_type"):
        set_property(item, name, None)
    edit_item(item, lambda content: content.update(id="HLS.S30.T32TNS.2020183T101031.v2.0"))
    with pytest.raises(ProductError, match="states no level L1C or L2A"):
        read_stac_item(item)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((-1, 0), "blue has the nodata -1; expected 0"),
        ((0.5, 0), r"blue has the nodata 0\.5; expected 0"),
        ((0, 65535), r"red has the nodata 65535; expected 0"),
    ],
)
def test_nodata(item: Path, values: tuple[float, float], message: str) -> None:
    def change(content: dict[str, Any]) -> None:
        for key, value in zip(("blue", "red"), values, strict=True):
            content["assets"][key]["raster:bands"][0]["nodata"] = value

    edit_item(item, change)
    with pytest.raises(ProductError, match=message):
        read_stac_item(item)


VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e300, float("nan"), "", "x", "B02", "../..", "s3://b/k", [], [[]], [None], {}, {"a": {}}, "\0", 10**30,
)  # fmt: skip


def nodes(content: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all values in a JSON value."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(node for key, value in items for node in nodes(value, (*path, key)))]


def test_mutations_are_scenes_or_errors_of_ours(item: Path) -> None:
    """No exception of another class, for values of any type at any place, and for missing ones."""
    rng = random.Random(0)
    original = json.loads(item.read_text())
    places = [node for node in nodes(original) if node]
    outcomes = set()
    for _ in range(80):
        content = copy.deepcopy(original)
        for place in rng.sample(places, rng.choice((1, 1, 3))):
            target = content
            try:
                for key in place[:-1]:
                    target = target[key]
                if rng.random() < 0.3:
                    del target[place[-1]]
                else:
                    target[place[-1]] = rng.choice(VALUES)
            except (KeyError, IndexError, TypeError):  # another mutation has removed the place
                continue
        item.write_text(json.dumps(content))
        try:
            scene = read_stac_item(item)
        except S2Error as error:
            outcomes.add(type(error))
            assert "\n" not in str(error)
            assert len(str(error)) < 700
        else:
            outcomes.add(type(scene))
    assert len(outcomes) >= 2
