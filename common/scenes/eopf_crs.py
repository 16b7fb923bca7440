"""The CRS of an EOPF product. Producers write it in different places, depending on the version of their software."""

import re
from collections.abc import Mapping
from typing import Any

from common.errors import ProductError, some_of
from common.scenes.zarr_files import DOWNLOAD_AGAIN, ArrayInfo, ZarrFiles, as_mapping, shown

_UTM = re.compile(r"EPSG:32[67](?:0[1-9]|[1-5]\d|60)")
_WKT_CODE = re.compile(r'(?:AUTHORITY|ID)\["EPSG",\s*"?(\d+)"?\]\]\s*$')


def find_crs(files: ZarrFiles, arrays: Mapping[str, ArrayInfo]) -> str:
    """Return the CRS of a product, such as `EPSG:32633`.

    Args:
        files: of the product.
        arrays: band -> metadata of its array.

    Raises:
        ProductError: there is no CRS, there are several, or it is not UTM on WGS 84.
    """
    places = {place: code for place, value in _places(files, arrays) if (code := _code(value))}
    if not places:
        raise ProductError(
            f"{files.path} has no CRS: no horizontal_CRS_code in other_metadata, and no proj:code or proj:epsg in "
            f"stac_discovery or on its bands; {DOWNLOAD_AGAIN}."
        )
    (first, crs), *others = places.items()
    for place, other in others:
        if other != crs:
            raise ProductError(
                f"{files.path} has two CRS: {shown(crs)} in {first}, {shown(other)} in {place}; {DOWNLOAD_AGAIN}."
            )
    if not _UTM.fullmatch(crs):
        raise ProductError(
            f"{files.path} has the CRS {shown(crs)} in {some_of(places)}; expected UTM, such as EPSG:32632: "
            f"{DOWNLOAD_AGAIN}."
        )
    return crs


def _places(files: ZarrFiles, arrays: Mapping[str, ArrayInfo]) -> list[tuple[str, Any]]:
    """Return every place of a CRS, and the value there."""
    attributes = files.attributes()
    other = as_mapping(attributes.get("other_metadata"))
    properties = as_mapping(as_mapping(attributes.get("stac_discovery")).get("properties"))
    places = [(key, other.get(key)) for key in ("horizontal_CRS_code", "horizontal_crs_code")]
    places += [(key, properties.get(key)) for key in ("proj:code", "proj:epsg")]
    for band, info in arrays.items():
        places += [(f"{key} of {band}", info.attributes.get(key)) for key in ("proj:code", "proj:epsg", "proj:wkt2")]
    return places


def _code(value: Any) -> str:
    """Return `EPSG:32633` for 32633, `epsg:32633`, and well-known text; empty for values that are no CRS."""
    if type(value) is int:
        return f"EPSG:{value}"
    if not isinstance(value, str) or value in ("", "null"):
        return ""
    wkt_code = _WKT_CODE.search(value)
    return f"EPSG:{wkt_code[1]}" if wkt_code else value.strip().upper()
