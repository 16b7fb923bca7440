"""The CRS of an EOPF product: each place where it stands, none, and several."""

from pathlib import Path

import pytest

from common.errors import ProductError
from common.scenes.eopf import read_eopf
from tests.support.fake_eopf import edit_band, edit_root, write_eopf
from tests.support.fake_safe import L2A_BANDS

WKT = 'PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],AUTHORITY["EPSG","32633"]]'
PROPERTIES = "stac_discovery__properties__"


def write_without_crs(folder: Path) -> Path:
    product = write_eopf(folder, size=24)
    edit_root(product, other_metadata__horizontal_CRS_code=..., **{f"{PROPERTIES}proj_colon_epsg": ...})
    for band in L2A_BANDS:
        edit_band(product, band, proj_colon_epsg=...)
    return product


@pytest.mark.parametrize(
    "place, value",
    [
        ("other_metadata__horizontal_CRS_code", "EPSG:32633"),
        ("other_metadata__horizontal_crs_code", "epsg:32633"),
        (f"{PROPERTIES}proj_colon_code", "EPSG:32633"),
        (f"{PROPERTIES}proj_colon_epsg", 32633),
    ],
)
def test_crs_in_each_place_of_the_root(tmp_path: Path, place: str, value: object) -> None:
    product = write_without_crs(tmp_path)
    edit_root(product, **{place: value})
    assert read_eopf(product).crs == "EPSG:32633"


@pytest.mark.parametrize(
    "key, value", [("proj_colon_epsg", 32633), ("proj_colon_code", "EPSG:32633"), ("proj_colon_wkt2", WKT)]
)
def test_crs_on_the_bands(tmp_path: Path, key: str, value: object) -> None:
    product = write_without_crs(tmp_path)
    edit_band(product, "B05", **{key: value})
    assert read_eopf(product).crs == "EPSG:32633"


@pytest.mark.parametrize("empty", [..., None, "null", "", [], {}, 3.5])
def test_no_crs(tmp_path: Path, empty: object) -> None:
    product = write_without_crs(tmp_path)
    if empty is not ...:
        edit_root(product, other_metadata__horizontal_CRS_code=empty)
    with pytest.raises(ProductError, match="has no CRS: no horizontal_CRS_code in other_metadata, and no proj:code or"):
        read_eopf(product)


@pytest.mark.parametrize("place", ["other_metadata__horizontal_CRS_code", f"{PROPERTIES}proj_colon_code"])
def test_two_crs(tmp_path: Path, place: str) -> None:
    product = write_eopf(tmp_path, size=24)
    edit_root(product, **{place: "EPSG:32633"})
    with pytest.raises(ProductError, match=r"has two CRS: EPSG:3263\d in \S+, EPSG:3263\d in proj:"):
        read_eopf(product)


def test_two_crs_on_the_bands(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=24)
    edit_band(product, "B11", proj_colon_wkt2=WKT)
    with pytest.raises(ProductError, match="EPSG:32632 in horizontal_CRS_code, EPSG:32633 in proj:wkt2 of B11"):
        read_eopf(product)


@pytest.mark.parametrize("code", ["EPSG:4326", "EPSG:3857", "EPSG:32661", "EPSG:32600", "PROJCS[...]", "EPSG:326321"])
def test_crs_that_is_no_utm(tmp_path: Path, code: str) -> None:
    product = write_without_crs(tmp_path)
    edit_root(product, other_metadata__horizontal_CRS_code=code)
    with pytest.raises(ProductError, match=r"has the CRS .* in horizontal_CRS_code; expected UTM"):
        read_eopf(product)
