"""Assets of a STAC item -> band files, each at the native GSD of its band.

Archives name a band by the name in `eo:bands` (STAC 1.0) or `bands` (STAC 1.1), by the key of the asset, or by a common
name. An asset counts for a band if it holds that band alone and states no GSD but the native one: L2A also has resampled
copies. Radiometry is read as archives write it, in `raster:bands` (1.0), `bands` or beside them (1.1).
"""

import os
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from common.errors import ProductError, some_of
from common.pixels.sentinel2 import BANDS, normalize_band

if TYPE_CHECKING:
    import pystac

COMMON_NAMES = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge2": "B06",
    "rededge3": "B07",
    "rededge071": "B05",
    "rededge075": "B06",
    "rededge078": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
REMOTE = "/vsicurl/"
_SUFFIX = re.compile(r"[_-](?:(?P<gsd>\d\d)m|jp2|tif)$")
_PRODUCT_XML = re.compile(r"(?:^|/)MTD_MSIL(?:1C|2A)\.xml(?:\?|$)")
_JPEG2000 = re.compile(r"\.jp2$|^image/jp2", re.IGNORECASE)
_IN_ADDRESS = string.punctuation  # stays as it is, `%` too; spaces and letters with accents are quoted
DOWNLOAD = "download the files, and write their paths into the item"


@dataclass(frozen=True)
class BandAsset:
    """An asset that holds one band at its native GSD.

    Attributes:
        key: of the asset.
        path: that GDAL opens; empty if it is neither a local file nor one that HTTP reaches.
        href: as the item states it.
        is_jpeg2000: whether the file is ESA's JPEG 2000 file, not a GeoTIFF that an archive made of it.
        scale: reflectance of one DN; None if not stated.
        offset: reflectance of DN 0; None if not stated.
        nodata: DN without data; None if not stated.
    """

    key: str
    path: str
    href: str
    is_jpeg2000: bool
    scale: float | None
    offset: float | None
    nodata: float | None


def band_assets(item: "pystac.Item", path: Path) -> dict[str, BandAsset]:
    """Return band -> asset, in the order of the bands.

    Args:
        item: the item.
        path: its file; relative addresses of assets start at its folder.

    Raises:
        ProductError: the item has no bands, two assets for one band, one file for two bands, or a band whose file cannot
            be reached.
    """
    found: dict[str, list[BandAsset]] = {}
    for key, asset in item.assets.items():
        fields = asset.extra_fields
        band = _band_of(key, fields)
        if band and _is_native(band, key, fields):
            found.setdefault(band, []).append(_band_asset(key, asset, path))
    if not found:
        raise ProductError(
            f"{path} has no assets of Sentinel-2 bands at their own GSD; its assets are "
            f"{some_of(item.assets) or 'none'}: give an item of L1C or L2A."
        )
    assets = {band: _best(band, found[band], path) for band in BANDS if band in found}
    unreachable = [f"{asset.key} at {asset.href[:60]}" for asset in assets.values() if not asset.path]
    if unreachable:
        raise ProductError(
            f"{path} names files that are neither local nor at an http address ({some_of(unreachable)}); "
            f"no credentials are handled: {DOWNLOAD}."
        )
    bands_by_path: dict[str, str] = {}
    for band, asset in assets.items():
        if (other := bands_by_path.setdefault(asset.path, band)) != band:
            raise ProductError(f"{path} has the file {asset.href[:60]} for {other} and for {band}; correct the item.")
    return assets


def classification_path(item: "pystac.Item", path: Path) -> str:
    """Return the path of the scene classification at 20 m; empty if there is none that can be reached."""
    paths = [
        resolve(asset.href, path)
        for key, asset in item.assets.items()
        if _SUFFIX.sub("", key).lower() == "scl" and _stated_gsds(key, asset.extra_fields) <= {20.0}
    ]
    return next(filter(None, paths), "")


def product_metadata_path(item: "pystac.Item", path: Path) -> str:
    """Return the path of the product XML; empty if there is none that can be reached."""
    paths = [
        resolve(asset.href, path)
        for key, asset in item.assets.items()
        if key.replace("-", "_") == "product_metadata" or _PRODUCT_XML.search(str(asset.href))
    ]
    return next(filter(None, paths), "")


def resolve(href: Any, path: Path) -> str:
    """Return the path of an asset's file that GDAL opens; empty if it is neither local nor reached by HTTP.

    Args:
        href: address of the asset.
        path: file of the item; relative addresses start at its folder.
    """
    if not isinstance(href, str) or not href or href.startswith("/vsi") or re.search(r"[\x00-\x1f]", href):
        return ""
    try:
        parts, address = urlsplit(href), quote(href, safe=_IN_ADDRESS)
    except ValueError:  # also for halves of a character, as JSON may hold
        return ""
    if parts.scheme in ("http", "https"):
        return REMOTE + address if parts.netloc else ""
    if parts.scheme == "file":
        return unquote(parts.path)
    return "" if re.match(r"[a-z][a-z\d+.-]+:", href, re.IGNORECASE) else _beside(path, href)


def _beside(path: Path, href: str) -> str:
    """Return the path of a file beside an item. If the item is a link, the file may lie beside the item itself."""
    beside = path.parent / href
    if path.is_symlink() and not os.path.exists(beside):
        return str(path.resolve().parent / href)
    return str(beside)


def _band_of(key: str, fields: dict[str, Any]) -> str:
    """Return the band that an asset holds; empty if it holds none, or several."""
    lists = [bands for name in ("eo:bands", "bands") if isinstance(bands := fields.get(name), list) and bands]
    if any(len(bands) > 1 for bands in lists):
        return ""
    records = [bands[0] for bands in lists if isinstance(bands[0], dict)]
    names = [record.get("name") for record in records]
    names.append(_SUFFIX.sub("", key))
    names += [record.get(name) for record in records for name in ("common_name", "eo:common_name")]
    return next((band for name in names if (band := _band_by_name(name))), "")


def _band_by_name(name: Any) -> str:
    """Return the band of a band name or common name; empty if there is none."""
    if not isinstance(name, str):
        return ""
    if name.lower() in COMMON_NAMES:
        return COMMON_NAMES[name.lower()]
    try:
        return normalize_band(name) if re.fullmatch(r"B\d[\dA]?", name, re.IGNORECASE | re.ASCII) else ""
    except ValueError:
        return ""


def _is_native(band: str, key: str, fields: dict[str, Any]) -> bool:
    return _stated_gsds(key, fields) <= {float(BANDS[band].gsd)}


def _stated_gsds(key: str, fields: dict[str, Any]) -> set[float]:
    """Return all pixel sizes that an asset states."""
    transform = fields.get("proj:transform")
    values = [fields.get("gsd"), transform[0] if isinstance(transform, list) and transform else None]
    values += _stated(fields, "spatial_resolution")
    if (match := _SUFFIX.search(key)) and match["gsd"]:
        values.append(int(match["gsd"]))
    return {float(value) for value in values if type(value) in (int, float)}


def _stated(fields: dict[str, Any], name: str, prefix: str = "raster:") -> list[Any]:
    """Return the values of a field: in `raster:bands` of STAC 1.0, and in `bands` and beside them of STAC 1.1."""
    values = [_first_record(fields.get("raster:bands")).get(name)]
    values += [record.get(prefix + name) for record in (_first_record(fields.get("bands")), fields)]
    return [value for value in values if value is not None]


def _first_record(records: Any) -> dict[str, Any]:
    """Return the first object of a list; empty if there is none."""
    return records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else {}


def _band_asset(key: str, asset: "pystac.Asset", path: Path) -> BandAsset:
    fields = asset.extra_fields
    href = str(asset.href)
    return BandAsset(
        key=key,
        path=resolve(asset.href, path),
        href=href,
        is_jpeg2000=bool(_JPEG2000.search(href.partition("?")[0]) or _JPEG2000.search(str(asset.media_type))),
        scale=_number(path, key, "scale", _stated(fields, "scale")),
        offset=_number(path, key, "offset", _stated(fields, "offset")),
        nodata=_number(path, key, "nodata", _stated(fields, "nodata", prefix="")),
    )


def _number(path: Path, key: str, name: str, values: list[Any]) -> float | None:
    """Return the one number that an asset states; None if it states none."""
    for value in values:
        if type(value) not in (int, float) or not abs(value) < 1e6:
            raise ProductError(f"{path}: {key} has the {name} {str(value)[:60]}, not a number; correct the item.")
        if value != values[0]:
            raise ProductError(f"{path}: {key} has the {name} {values[0]:g} and {value:g}; correct the item.")
    return float(values[0]) if values else None


def _best(band: str, assets: list[BandAsset], path: Path) -> BandAsset:
    """Return the asset that is read: one that can be reached, a GeoTIFF rather than JPEG 2000.

    Archives of COGs also name the original JPEG 2000 files, which only customers of a cloud can read.
    """

    def rank(asset: BandAsset) -> tuple[bool, bool]:
        return not asset.path, asset.is_jpeg2000

    lowest = min(map(rank, assets))
    best = [asset for asset in assets if rank(asset) == lowest]
    if len(best) > 1:
        keys = some_of(asset.key for asset in best)
        raise ProductError(f"{path} has {len(best)} assets for {band} ({keys}); remove all but one.")
    return best[0]
