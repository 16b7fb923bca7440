"""A result and its scene -> the STAC item beside the GeoTIFF.

STAC 1.1 with the extensions that programs read today: `proj:` (2.0), `eo:bands` and `raster:bands` (1.1), `grid:` (1.1)
and `processing:` (1.2). Readers get reflectance as DN * scale + offset, and know the grid without opening the file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pystac
from pystac.extensions.eo import EOExtension
from pystac.extensions.grid import GridExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.utils import str_to_datetime

from common.errors import ProductError
from common.items.bands import eo_bands, raster_bands
from common.items.footprint import bounding_box, footprint_geometry
from common.rasters.geotiff import RasterInfo
from common.rasters.grids import GeoReference, epsg_code, lonlat_outline, wkt2
from common.scenes.scene import Scene

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"  # pystac has no class for it
IMAGE, ERRORS, THUMBNAIL = "image", "uncertainty", "thumbnail"  # names of the assets


@dataclass(frozen=True)
class Processing:
    """How a result was made.

    Attributes:
        software: program -> version.
        lineage: one or two sentences.
        created: when.
    """

    software: Mapping[str, str]
    lineage: str
    created: datetime


def item_path(image: Path) -> Path:
    """Return the path of the item beside a GeoTIFF."""
    return image.with_suffix(".json")


def sensing_datetime(scene: Scene) -> datetime:
    """Return the sensing time of a scene.

    Raises:
        ProductError: the scene has none, and every item needs one.
    """
    try:
        return str_to_datetime(scene.sensing_time)
    except ValueError as error:
        raise ProductError(
            f"{scene.name} has the sensing time {scene.sensing_time!r}; a STAC item needs one such as "
            f"2017-06-13T10:10:31Z: leave out --stac."
        ) from error


def item_json(item: pystac.Item) -> str:
    """Return an item as the text of its file."""
    return json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False), indent=2) + "\n"


def make_item(
    scene: Scene,
    info: RasterInfo,
    processing: Processing,
    image: Path,
    cloud_optimized: bool = False,
    thumbnail: Path | None = None,
) -> pystac.Item:
    """Return the item of a result.

    Args:
        scene: the input.
        info: grid, bands and radiometry of the result.
        processing: how the result was made.
        image: the GeoTIFF; the item is for the same folder.
        cloud_optimized: the GeoTIFF is a Cloud-Optimized GeoTIFF.
        thumbnail: PNG in the same folder, or None.

    Raises:
        ProductError: the scene has no sensing time.
    """
    outline = lonlat_outline(info.grid)
    item = pystac.Item(
        id=image.stem,
        geometry=footprint_geometry(outline),
        bbox=bounding_box(outline),
        datetime=sensing_datetime(scene),
        properties={**instrument_properties(scene), **processing_properties(scene, processing)},
        stac_extensions=[PROCESSING],
    )
    item.common_metadata.created = processing.created
    code = epsg_code(info.grid)
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    projection.apply(code=f"EPSG:{code}" if code else None, wkt2=None if code else wkt2(info.grid))
    if scene.tile:
        GridExtension.ext(item, add_if_missing=True).code = f"MGRS-{scene.tile.removeprefix('T')}"
    asset = pystac.Asset(f"./{image.name}", "Reflectance at 10 m", roles=["data", "reflectance"])
    add_raster(item, IMAGE, asset, info, cloud_optimized)
    if thumbnail:
        item.add_asset(
            THUMBNAIL, pystac.Asset(f"./{thumbnail.name}", media_type=pystac.MediaType.PNG, roles=[THUMBNAIL])
        )
    item.add_link(source_link(scene, image.parent))
    return item


def add_errors(
    item: pystac.Item, info: RasterInfo, file: Path, description: str, cloud_optimized: bool = False
) -> None:
    """Add the GeoTIFF of expected errors to the item of a result.

    Args:
        item: of the result.
        info: grid, bands and radiometry of the file.
        file: the GeoTIFF, in the folder of the item.
        description: what its pixels mean, and how they were calibrated.
        cloud_optimized: the file is a Cloud-Optimized GeoTIFF.
    """
    title = "Expected absolute error of the reflectance"
    asset = pystac.Asset(f"./{file.name}", title, description, roles=["data", ERRORS])
    add_raster(item, ERRORS, asset, info, cloud_optimized)
    for band in EOExtension.ext(asset).bands or ():
        band.description = f"expected absolute error of {band.name}; DN 0 is nodata"


def add_raster(item: pystac.Item, name: str, asset: pystac.Asset, info: RasterInfo, cloud_optimized: bool) -> None:
    """Add a GeoTIFF to an item. Shape and transform stand here, because a thumbnail has others."""
    asset.media_type = pystac.MediaType.COG if cloud_optimized else pystac.MediaType.GEOTIFF
    item.add_asset(name, asset)
    projection = ProjectionExtension.ext(asset)
    projection.shape = [info.grid.rows, info.grid.cols]
    projection.transform = affine(info.grid)
    EOExtension.ext(asset, add_if_missing=True).bands = eo_bands(info)
    RasterExtension.ext(asset, add_if_missing=True).bands = raster_bands(info)


def affine(grid: GeoReference) -> list[float]:
    """Return the transform of a grid in the order of STAC and rasterio: a, b, c, d, e, f of x = a col + b row + c, y = ..."""
    x, width, x_skew, y, y_skew, height = grid.geotransform
    return [width, x_skew, x, y_skew, height, y]


def instrument_properties(scene: Scene) -> dict[str, Any]:
    """Return the properties that say how the image was taken: satellite `S2A` is the platform `sentinel-2a`."""
    return {
        "platform": f"sentinel-{scene.satellite.removeprefix('S').lower()}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
    }


def processing_properties(scene: Scene, processing: Processing) -> dict[str, Any]:
    """Return the properties of the processing extension. Level and version are those of the product: they tell its radiometry."""
    properties = {
        "processing:level": scene.level,
        "processing:software": dict(processing.software),
        "processing:lineage": processing.lineage,
    }
    return {**properties, "processing:version": scene.baseline} if scene.baseline else properties


def source_link(scene: Scene, folder: Path) -> pystac.Link:
    """Return the link to the input, relative to the folder of the item."""
    target = os.path.relpath(scene.path.resolve(), folder.resolve())
    return pystac.Link(pystac.RelType.DERIVED_FROM, Path(target).as_posix(), title=scene.name)
