"""Write small STAC items with Cloud-Optimized GeoTIFFs, as Earth Search has them, and point real items to such files."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal

from common.pixels.sentinel2 import BANDS
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import EPSG, L2A_BANDS, SENSED, UPPER_LEFT, expected_dn

gdal.UseExceptions()

KEYS = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B10": "cirrus",
    "B11": "swir16",
    "B12": "swir22",
}


def write_item(
    folder: Path,
    *,
    level: str = "L2A",
    baseline: str = "05.11",
    satellite: str = "S2A",
    tile: str = "T32TNS",
    size: int = 240,
    pixels: Mapping[str, np.ndarray] | None = None,
    offset: float | None = -0.1,
    classification: np.ndarray | None = None,
    with_files: bool = True,
    url: str = "",
) -> Path:
    """Write an item and its files, and return the item.

    Args:
        folder: gets the files; made if it does not exist.
        size: rows and columns at 10 m, a multiple of 6.
        pixels: images by band, uint16, at native GSD. Default: `expected_dn`.
        offset: in `raster:bands` of all bands; None leaves it out.
        classification: scene classification, (size / 2, size / 2) uint8; None writes none.
        with_files: also write the band files.
        url: address of the folder; empty for relative paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bands = tuple(pixels or (L2A_BANDS if level == "L2A" else BANDS))
    name = f"{satellite}_MSI{level}_{SENSED}_N{baseline.replace('.', '')}_R022_{tile}_{SENSED}"
    start = f"{url}/" if url else "./"
    assets = {KEYS[band]: band_asset(band, f"{start}{band}.tif", offset) for band in bands}
    assets["visual"] = {"href": f"{start}TCI.tif", "type": "image/tiff", "eo:bands": [{"name": "B04"}, {"name": "B03"}]}
    if classification is not None:
        assets["scl"] = {"href": f"{start}SCL.tif", "type": "image/tiff", "gsd": 20}
        write_cog(folder / "SCL.tif", classification, 20)
    if with_files:
        for band in bands:
            side = size * 10 // BANDS[band].gsd
            image = pixels[band] if pixels else expected_dn(band, side, side)
            write_cog(folder / f"{band}.tif", image, BANDS[band].gsd)
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"{satellite}_{tile}_{SENSED}_{level}",
        "geometry": {"type": "Point", "coordinates": [10.3, 47.8]},
        "bbox": [10.3, 47.8, 10.4, 47.9],
        "properties": {
            "datetime": f"{SENSED[:4]}-{SENSED[4:6]}-{SENSED[6:11]}:{SENSED[11:13]}:{SENSED[13:]}.024Z",
            "platform": f"sentinel-2{satellite[2].lower()}",
            "proj:epsg": EPSG,
            "s2:product_type": f"S2MSI{level[1:]}",
            "s2:processing_baseline": baseline,
            "s2:product_uri": f"{name}.SAFE",
        },
        "links": [{"rel": "self", "href": "https://archive.invalid/items/1", "type": "application/geo+json"}],
        "assets": assets,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(item))
    return path


def band_asset(band: str, href: str, offset: float | None = -0.1) -> dict[str, Any]:
    """Return the asset of a band, as STAC 1.0 has it."""
    gsd = BANDS[band].gsd
    raster = {"nodata": 0, "data_type": "uint16", "spatial_resolution": gsd, "scale": 0.0001, "offset": offset}
    return {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "eo:bands": [{"name": band, "common_name": KEYS[band].rstrip("123")}],
        "gsd": gsd,
        "proj:transform": [gsd, 0, UPPER_LEFT[0], 0, -gsd, UPPER_LEFT[1]],
        "raster:bands": [{key: value for key, value in raster.items() if value is not None}],
        "roles": ["data", "reflectance"],
    }


def write_cog(path: Path, image: np.ndarray, gsd: int, block_px: int = 128) -> None:
    """Write (rows, cols) uint8 or uint16 as a Cloud-Optimized GeoTIFF at the usual corner."""
    kind = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16}[image.dtype.name]
    memory = gdal.GetDriverByName("MEM").Create("", image.shape[1], image.shape[0], 1, kind)
    memory.SetGeoTransform((UPPER_LEFT[0], gsd, 0, UPPER_LEFT[1], 0, -gsd))
    memory.SetProjection(f"EPSG:{EPSG}")
    memory.GetRasterBand(1).WriteArray(image)
    gdal.GetDriverByName("COG").CreateCopy(str(path), memory, options=["COMPRESS=DEFLATE", f"BLOCKSIZE={block_px}"])


def edit_item(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the content of an item."""
    item = json.loads(path.read_text())
    change(item)
    path.write_text(json.dumps(item))


def localize(item: Path, folder: Path, url: str = "") -> Path:
    """Copy a real item, and give all assets files beside it: `B02.tif` for a band, else the name of the real file.

    Args:
        item: the real item.
        folder: gets the copy.
        url: address of the folder; empty for relative paths.
    """
    content = json.loads(item.read_text())
    for key, asset in content["assets"].items():
        names = [record.get("name", "") for record in asset.get("eo:bands") or asset.get("bands") or [{"name": key}]]
        is_band = len(names) == 1 and names[0] in BANDS
        name = f"{names[0]}.tif" if is_band else asset["href"].rpartition("/")[2]
        asset["href"] = f"{url}/{name}" if url else f"./{name}"
        if is_band:
            asset["type"] = "image/tiff; application=geotiff; profile=cloud-optimized"
    copy = folder / item.name
    copy.write_text(json.dumps(content))
    return copy


def write_bands(product: Path, folder: Path, block_px: int = 128) -> None:
    """Write the bands of a SAFE product as `B02.tif` and so on, Cloud-Optimized GeoTIFFs, and copy its XML."""
    folder.mkdir(parents=True, exist_ok=True)
    for band, path in open_scene(product).band_paths.items():
        options = ["COMPRESS=DEFLATE", f"BLOCKSIZE={block_px}"]
        gdal.Translate(str(folder / f"{band}.tif"), path, format="COG", creationOptions=options)
    for xml in product.glob("MTD_MSIL*.xml"):
        shutil.copy(xml, folder)
