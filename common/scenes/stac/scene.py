"""STAC item -> Scene: a Sentinel-2 product in an archive of GeoTIFFs or JPEG 2000 files, local or read over HTTP.

The item is a local JSON file as Earth Search, Planetary Computer, CDSE or stactools-sentinel2 write it. Addresses of assets
are paths, relative to the item, or http addresses, which GDAL reads through `/vsicurl/`.
"""

import logging
from pathlib import Path

from common.errors import ProductError
from common.pixels.sentinel2 import NODATA_DN, SATURATED_DN
from common.scenes.product_xml import Metadata
from common.scenes.scene import Scene
from common.scenes.stac.assets import BandAsset, band_assets, classification_path, product_metadata_path
from common.scenes.stac.documents import read_document
from common.scenes.stac.item import read_item
from common.scenes.stac.offsets import find_radiometry
from common.scenes.stac.properties import (
    baseline_of,
    level_of,
    product_name,
    safe_name,
    satellite_of,
    start_time,
    tile_of,
)

logger = logging.getLogger(__name__)

_GIVE_ANOTHER = "give an item of Sentinel-2 L1C or L2A"


def read_stac_item(path: Path) -> Scene:
    """Read the metadata of a STAC item, and of the product XML if it is at hand; no pixels.

    Raises:
        ProductNotFoundError: the file does not exist.
        ProductError: it is no STAC item of a Sentinel-2 product, or lacks bands, offset or metadata.
    """
    item = read_item(path)
    properties = item.properties
    product = product_name(properties)
    satellite = satellite_of(properties, product)
    if not satellite:
        platform = str(properties.get("platform"))[:60]
        raise ProductError(
            f"{path} has the platform {platform}; expected sentinel-2a, -2b, -2c or -2d: {_GIVE_ANOTHER}."
        )
    level = level_of(properties, product, item.id)
    if not level:
        raise ProductError(f"{path} states no level L1C or L2A (processing:level, s2:product_type); {_GIVE_ANOTHER}.")
    time = start_time(properties)
    if not time:
        raise ProductError(
            f"{path} has the datetime {str(properties.get('datetime'))[:60]}, which is no time; correct it."
        )
    assets = band_assets(item, path)
    _check_nodata(path, assets)
    metadata = _product_metadata(path, product_metadata_path(item, path), level)
    baseline = baseline_of(properties, product, str(properties.get("s2:tile_id")), item.id)
    name = product or safe_name(item.id)
    radiometry = find_radiometry(path, name, assets, properties, baseline, metadata)
    return Scene(
        name=name,
        path=path,
        level=level,
        tile=tile_of(properties, product or item.id),
        satellite=satellite,
        baseline=baseline,
        sensing_time=time,
        band_paths={band: asset.path for band, asset in assets.items()},
        quantification=radiometry.quantification,
        offsets=radiometry.offsets,
        saturated=metadata.special_value("SATURATED", SATURATED_DN) if metadata else SATURATED_DN,
        passbands=metadata.passbands() if metadata else {},
        classification_path=classification_path(item, path),
    )


def _product_metadata(path: Path, xml_path: str, level: str) -> Metadata | None:
    """Return the product XML; None if the item names none, or it cannot be reached."""
    if not xml_path:
        return None
    try:
        content = read_document(xml_path)
    except OSError as error:
        logger.info("%s: the product XML is not at hand (%s)", path.name, error)
        return None
    metadata = Metadata.from_content(content, f"the product XML of {path}")
    if metadata.level() != level:
        raise ProductError(
            f"{path} is an item of {level}, but its product XML is of {metadata.level()}; correct the item."
        )
    return metadata


def _check_nodata(path: Path, assets: dict[str, BandAsset]) -> None:
    """Raise ProductError if an asset states another nodata than DN 0. No archive does."""
    for asset in assets.values():
        if asset.nodata not in (None, NODATA_DN):
            raise ProductError(f"{path}: {asset.key} has the nodata {asset.nodata:g}; expected 0: correct the item.")
