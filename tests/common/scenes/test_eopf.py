"""EOPF Zarr products as scenes: metadata, native bands, radiometry, real products; and bad input."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from common.errors import ProductError
from common.pixels.passbands import PASSBANDS, Passband
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.scenes.eopf import array_name, read_eopf
from tests.support.fake_eopf import (
    REFLECTANCE,
    band_array,
    chunk_file,
    edit_band,
    edit_json,
    edit_root,
    write_eopf,
    write_group,
    write_json,
)
from tests.support.fake_safe import L2A_BANDS

PROPERTIES = "stac_discovery__properties__"
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """An L2A product of format 2, to damage."""
    return write_eopf(tmp_path, size=24)


@FORMATS
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("level, bands", [("L1C", tuple(BANDS)), ("L2A", L2A_BANDS)])
def test_metadata(tmp_path: Path, zarr_format: int, zipped: bool, level: str, bands: tuple[str, ...]) -> None:
    path = write_eopf(tmp_path, zarr_format=zarr_format, level=level, satellite="S2C", size=24, zipped=zipped)
    scene = read_eopf(path)
    assert scene.name == f"S2C_MSI{level}_20200701T101031_N0511_R022_T32TNS_20200701T101031"
    assert (scene.path, scene.level, scene.tile, scene.satellite) == (path, level, "T32TNS", "S2C")
    assert (scene.baseline, scene.sensing_time) == ("05.11", "2020-07-01T10:10:31.024Z")
    assert (scene.quantification, scene.nodata, scene.saturated) == (10000, 0, 65535)
    assert scene.offsets == dict.fromkeys(bands, -1000.0)
    assert (scene.crs, scene.zarr_format) == ("EPSG:32632", zarr_format)
    prefix = f"/vsizip/{{{path}}}/" if zipped else f"{path}/"
    assert scene.band_paths == {band: prefix + array_name(band) for band in bands}
    assert list(scene.band_paths) == list(bands)


def test_resampled_copies_do_not_stand_for_a_missing_band(product: Path) -> None:
    assert (product / REFLECTANCE / "r20m/b03").is_dir()
    shutil.rmtree(product / REFLECTANCE / "r10m/b03")
    scene = read_eopf(product)
    assert scene.bands_at(20) == BANDS_BY_GSD[20]
    with pytest.raises(ProductError, match="has no B03; the 10 m bands are"):
        scene.bands_at(10)


def test_radiometry_comes_from_the_bands(product: Path) -> None:
    for band in L2A_BANDS:
        edit_band(product, band, scale_factor=0.001, add_offset=-0.2)
    edit_band(product, "B8A", add_offset=-0.3)
    scene = read_eopf(product)
    assert scene.quantification == 1000
    assert scene.offsets == dict.fromkeys(L2A_BANDS, -200.0) | {"B8A": -300.0}


def test_radiometry_in_the_attributes_of_cpm(product: Path) -> None:
    for band in L2A_BANDS:
        edit_band(
            product, band, scale_factor=..., add_offset=..., _eopf_attrs={"scale_factor": 0.0001, "add_offset": -0.1}
        )
    scene = read_eopf(product)
    assert (scene.quantification, set(scene.offsets.values())) == (10000, {-1000.0})


def test_wavelengths_come_from_the_product(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, satellite="S2C", size=24)
    edit_root(product, other_metadata__band_description__b05__central_wavelength=701.5)
    edit_root(product, other_metadata__band_description__b06__spectral_response_values="0 1")
    edit_root(product, other_metadata__band_description__b07=[])
    known = PASSBANDS["S2C"]
    scene = read_eopf(product)
    expected = known | {"B05": Passband(701.5, known["B05"].fwhm_nm), "B06": Passband(known["B06"].wavelength_nm, None)}
    assert scene.passbands == {band: passband for band, passband in expected.items() if band != "B07"}
    edit_root(product, other_metadata__band_description="none")
    assert read_eopf(product).passbands == {}


@pytest.mark.parametrize(
    "baseline, add_offset, offset, warning",
    [
        ("03.01", -0.1, 0, "states add_offset -0.1, but its baseline 03.01 has no offset; it is read with offset 0"),
        ("03.01", 0.0, 0, ""),
        ("03.01", None, 0, ""),
        ("04.00", -0.1, -1000, ""),
        ("05.12", -0.1, -1000, ""),
        ("99.99", -0.1, -1000, ""),
        ("99.33", 0.0, 0, ""),
        (
            "99.99",
            None,
            0,
            "states no add_offset for B01, B02, B03 and 9 more, and its baseline (99.99) does not tell it; it is read with "
            "offset 0",
        ),
        ("05.11", 0.0, 0, "states add_offset 0, but its baseline 05.11 normally has -0.1; it is read with offset 0"),
        ("05.11", None, -1000, "states no add_offset for B01, B02, B03 and 9 more; its baseline 05.11 means -1000 DN"),
    ],
)
def test_offset_and_baseline(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    baseline: str,
    add_offset: float | None,
    offset: float,
    warning: str,
) -> None:
    scene = read_eopf(write_eopf(tmp_path, baseline=baseline, add_offset=add_offset, size=24))
    assert scene.offsets == dict.fromkeys(L2A_BANDS, offset)
    assert [message for message in caplog.messages if message] == ([f"{scene.name} {warning}"] if warning else [])


def test_offset_without_any_baseline_is_the_stated_one(product: Path, caplog: pytest.LogCaptureFixture) -> None:
    edit_root(product, stac_discovery__id="unknown", **{f"{PROPERTIES}eopf_colon_baseline": ...})
    scene = read_eopf(product)
    assert (scene.name, scene.baseline, scene.tile) == ("unknown", "", "")
    assert set(scene.offsets.values()) == {-1000.0}
    assert not caplog.messages


@pytest.mark.parametrize(
    "key, value, baseline",
    [("processing_colon_version", "05.10", "05.10"), ("processing_colon_version", "2.5", "05.11")],
)
def test_other_places_of_the_baseline(product: Path, key: str, value: str, baseline: str) -> None:
    edit_root(product, **{f"{PROPERTIES}eopf_colon_baseline": "null", f"{PROPERTIES}{key}": value})
    assert read_eopf(product).baseline == baseline


@pytest.mark.parametrize("identifier", [None, "", "../../etc/passwd", "a b", 7, "x" * 500, "-rf"])
def test_a_name_that_is_no_name_gives_way_to_that_of_the_folder(product: Path, identifier: object) -> None:
    edit_root(product, stac_discovery__id=identifier)
    assert read_eopf(product).name == product.stem


@FORMATS
def test_missing_chunks_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=60, chunk_m=240)
    for row, col in ((0, 0), (2, 2)):
        chunk_file(product, "B05", row, col).unlink()
    with caplog.at_level(logging.WARNING):
        scene = read_eopf(product)
    assert "lacks chunks: 2 of 9 in B05; their pixels count as nodata" in caplog.text
    assert "B05" in scene.band_paths


def test_band_without_any_chunk_is_missing(product: Path) -> None:
    for path in band_array(product, "B05").glob("[0-9]*"):
        path.unlink()
    with pytest.raises(ProductError, match="has no B05; the 20 m bands are"):
        read_eopf(product).bands_at(20)


@pytest.mark.parametrize(
    "edits, message",
    [
        ({"dtype": "<i2"}, r"r10m/b02 must hold uint16; got <i2; give"),
        ({"dtype": "<u4"}, r"must hold uint16; got <u4"),
        ({"dtype": "<f4"}, r"is a GeoZarr conversion, as eopf-geozarr makes them \(B02 is <f4\)"),
        ({"shape": [24, 24, 24], "chunks": [24, 24, 24]}, r"has the shape \(24, 24, 24\); expected at most 10980 x"),
        ({"shape": [10981, 24]}, r"has the shape \(10981, 24\); expected at most 10980 x 10980 px"),
        ({"shape": [24, 30]}, r"has the shape \(24, 30\), but \S+/r10m/x has \(24,\); expected one centre for each"),
        ({"shape": [30, 24]}, r"has the shape \(30, 24\), but \S+/r10m/y has \(24,\)"),
        ({"chunks": [100_000, 100_000]}, r"is stored in 1 chunks of \(100000, 100000\) px; expected at most 100000"),
        ({"shape": [10980, 10980], "chunks": [1, 1]}, r"is stored in 120560400 chunks of \(1, 1\) px"),
        ({"fill_value": 7}, r": B02 has the fill value 7; expected 0"),
        ({"fill_value": "NaN"}, r": B02 has the fill value NaN; expected 0"),
    ],
)
def test_arrays_that_are_no_bands(product: Path, edits: dict, message: str) -> None:
    edit_json(band_array(product, "B02") / ".zarray", **edits)
    with pytest.raises(ProductError, match=message):
        read_eopf(product)


@pytest.mark.parametrize("value", [0, -0.0001, "0.0001", None, 1e-320, True, [1], float("nan")])
def test_scale_factor_that_is_no_scale(product: Path, value: object) -> None:
    for band in L2A_BANDS:
        edit_band(product, band, scale_factor=value)
    with pytest.raises(ProductError, match="B01 has scale_factor"):
        read_eopf(product)


def test_scale_factors_that_differ(product: Path) -> None:
    edit_band(product, "B05", scale_factor=0.001)
    with pytest.raises(ProductError, match=r"B05 has scale_factor 0\.001, but B01 has 0\.0001"):
        read_eopf(product)


@pytest.mark.parametrize(
    "edits, message",
    [
        (
            {"stac_discovery": ...},
            "is no Sentinel-2 L1C or L2A product in EOPF Zarr: its stac_discovery has the level None",
        ),
        ({"stac_discovery": [1]}, "is no Sentinel-2 L1C or L2A product"),
        (
            {f"{PROPERTIES}processing_colon_level": "L1", f"{PROPERTIES}product_colon_type": "S03OLCEFR"},
            "type S03OLCEFR",
        ),
        ({f"{PROPERTIES}start_datetime": "soon"}, "has start_datetime soon, which is no time"),
        ({f"{PROPERTIES}start_datetime": None}, "has start_datetime None, which is no time"),
        (
            {f"{PROPERTIES}platform": "landsat-8", "stac_discovery__id": "LC08"},
            "has the platform landsat-8; expected sen",
        ),
        ({"multiscales": {"layout": []}}, r"is a GeoZarr conversion, as eopf-geozarr makes them \(it has overviews\)"),
    ],
)
def test_products_of_another_kind(product: Path, edits: dict, message: str) -> None:
    edit_root(product, **edits)
    with pytest.raises(ProductError, match=message):
        read_eopf(product)


@FORMATS
@pytest.mark.parametrize("group", [REFLECTANCE, f"{REFLECTANCE}/r10m"])
def test_geozarr_conversion(tmp_path: Path, zarr_format: int, group: str) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=24)
    write_group(product / group, zarr_format, {"multiscales": {"layout": [{"asset": "r10m"}, {"asset": "r120m"}]}})
    with pytest.raises(ProductError, match=r"is a GeoZarr conversion, .* give the EOPF product that it was made from"):
        read_eopf(product)


def test_sharded_conversion(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, zarr_format=3, size=24)
    path = band_array(product, "B02") / "zarr.json"
    write_json(path, json.loads(path.read_text()) | {"codecs": [{"name": "sharding_indexed"}]})
    with pytest.raises(ProductError, match=r"is a GeoZarr conversion, .*\(B02 is sharded\)"):
        read_eopf(product)


def test_no_bands_at_all(product: Path) -> None:
    shutil.rmtree(product / "measurements")
    with pytest.raises(ProductError, match="has no bands in measurements/reflectance/r10m, r20m and r60m"):
        read_eopf(product)


@pytest.mark.real_data
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_real_tile(real_data: Path, zarr_format: int) -> None:
    scene = read_eopf(next(real_data.glob(f"eopf/*T33UUP*.format{zarr_format}.zarr.zip")))
    assert scene.name == "S2A_MSIL2A_20251008T100041_N0511_R122_T32TQM_20251008T122613"
    assert (scene.level, scene.satellite, scene.baseline) == ("L2A", "S2A", "05.11")
    assert scene.sensing_time == "2025-10-08T10:00:41.024Z"
    assert (scene.quantification, scene.nodata, scene.crs) == (10000, 0, "EPSG:32633")
    assert scene.offsets == dict.fromkeys(L2A_BANDS, -1000.0)
    assert set(scene.band_paths) == set(L2A_BANDS)


REAL_TREES = {
    "S2A_MSIL2A_*T32TQM*": ("L2A", "T32TQM", "S2A", "EPSG:32632", "2025-10-08T10:00:41.024Z", L2A_BANDS),
    "S2B_MSIL1C_*T32TLQ*": ("L1C", "T32TLQ", "S2B", "EPSG:32632", "2025-01-13T10:33:09.024Z", tuple(BANDS)),
    "S2C_MSIL2A_*T29TPF*": ("L2A", "T29TPF", "S2C", "EPSG:32629", "2025-08-11T11:21:31.025Z", L2A_BANDS),
}


@pytest.mark.real_data
@pytest.mark.parametrize("pattern", REAL_TREES)
def test_real_metadata(real_data: Path, tmp_path: Path, pattern: str) -> None:
    """The trees of real products hold no pixels; one empty chunk stands for those of a band."""
    level, tile, satellite, crs, sensing_time, bands = REAL_TREES[pattern]
    write_tree(tmp_path, json.loads(next(real_data.glob(f"eopf/{pattern}.zmeta.json")).read_text()))
    scene = read_eopf(tmp_path)
    assert (scene.level, scene.tile, scene.satellite, scene.crs) == (level, tile, satellite, crs)
    assert (scene.baseline, scene.sensing_time) == ("05.11", sensing_time)
    assert scene.offsets == dict.fromkeys(bands, -1000.0)
    assert set(scene.band_paths) == set(bands)
    assert scene.passbands == PASSBANDS[satellite]


def write_tree(folder: Path, node: dict) -> None:
    """Write the JSON files of a metadata tree, and one empty chunk for each array."""
    folder.mkdir(exist_ok=True)
    write_json(folder / ".zattrs", node["attributes"])
    if "shape" not in node:
        write_json(folder / ".zgroup", {"zarr_format": 2})
        for name, member in node["members"].items():
            write_tree(folder / name, member)
        return
    write_json(folder / ".zarray", {key: value for key, value in node.items() if key != "attributes"})
    (folder / ".".join("0" * len(node["shape"]))).touch()
