"""SAFE product -> Scene: the metadata in its XML, and the paths of its band files. First step of the data flow.

A product is a `.SAFE` folder, its zip (never unpacked), its product XML, or one granule folder in it. It is L1C or L2A,
of any processing baseline, in the compact or the old multi-granule format (one Scene a granule). Level, tile,
radiometry and times come from the XML; nothing depends on the date. Band files are found by their names in IMG_DATA,
because the list of files in the XML is often wrong in products that somebody has cut or repacked. Each band of L2A is
taken at its native GSD; its resampled copies in R20m and R60m are ignored.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError
from common.pixels.sentinel2 import BANDS, NODATA_DN, SATURATED_DN
from common.scenes.product_files import ProductFiles, open_files
from common.scenes.product_xml import DAMAGED, Metadata, tile_of
from common.scenes.scene import Scene

_IMAGE = re.compile(
    r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/(?:R(?P<folder>\d\d)m/)?"
    r"[^/.][^/]*_(?P<band>B\d[\dA])(?:_(?P<suffix>\d\d)m)?\.(?:jp2|tif)"
)

_CLASSIFICATION = re.compile(
    r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/(?:R20m/)?[^/.][^/]*_SCL_(?:[^/]*_)?20m\.(?:jp2|tif)"
)


def read_product(path: Path | str) -> tuple[Scene, ...]:
    """Read the metadata of a Sentinel-2 product; no pixels.

    Args:
        path: a `.SAFE` folder, its zip, its product XML (`MTD_MSIL1C.xml`, `MTD_MSIL2A.xml`, or
            `S2A_OPER_MTD_SAFL1C_*.xml`), or a folder `GRANULE/<granule>` inside it.

    Returns:
        One Scene for each granule that the XML lists, sorted by tile. The `band_paths` of a granule without image files
        are empty.

    Raises:
        ProductNotFoundError: path does not exist.
        ProductError: path is no product, or its metadata are damaged or of another level than L1C and L2A.
    """
    path = Path(path)
    if not path.exists():
        raise ProductNotFoundError(f"{path} does not exist; give a .SAFE folder, its .zip or its MTD_*.xml.")
    is_granule = path.is_dir() and path.absolute().parent.name == "GRANULE"
    files = open_files(path.absolute().parents[1] if is_granule else path)
    scenes = _scenes(path, files)
    if is_granule:
        scenes = tuple(scene for scene in scenes if scene.tile == tile_of(path.absolute().name))
        if not scenes:
            raise ProductError(f"{files.xml_name} does not list the granule {path}; give the .SAFE folder itself.")
    return scenes


def _scenes(path: Path, files: ProductFiles) -> tuple[Scene, ...]:
    """Make one Scene for each granule in the product XML."""
    metadata = Metadata.parse(files, path)
    images = _images_by_granule(files, path)
    classifications = _classification_by_tile(files)
    granules = metadata.granules()
    name = metadata.product_name() or files.folder_name.removesuffix(".SAFE")
    level = metadata.level()
    passbands = metadata.passbands()
    scenes = [
        Scene(
            name=name if len(granules) == 1 else f"{name}_{tile}",
            path=path,
            level=level,
            tile=tile,
            satellite=metadata.satellite(),
            baseline=metadata.text("PROCESSING_BASELINE"),
            sensing_time=metadata.text("PRODUCT_START_TIME", "DATATAKE_SENSING_START"),
            band_paths=images.get(granule) or _images_of_tile(images, tile),
            quantification=metadata.quantification(level),
            offsets=metadata.offsets(level),
            nodata=metadata.special_value("NODATA", NODATA_DN),
            saturated=metadata.special_value("SATURATED", SATURATED_DN),
            passbands=passbands,
            classification_path=classifications.get(tile, ""),
        )
        for granule, tile in granules.items()
    ]
    return tuple(sorted(scenes, key=lambda scene: scene.tile))


def _images_by_granule(files: ProductFiles, path: Path) -> dict[str, dict[str, str]]:
    """Return granule folder -> band -> path that GDAL opens, each band at its native GSD only."""
    images: dict[str, dict[str, str]] = {}
    matches = [match for name in files.names if (match := _IMAGE.fullmatch(name)) and match["band"] in BANDS]
    for match in sorted(matches, key=lambda match: list(BANDS).index(match["band"])):
        if not _is_native(match):
            continue
        granule = images.setdefault(match["granule"], {})
        if match["band"] in granule:
            raise ProductError(f"{path} has two files for {match['band']} in {match['granule']}; {DAMAGED}.")
        granule[match["band"]] = files.gdal_prefix + match[0]
    return images


def _classification_by_tile(files: ProductFiles) -> dict[str | None, str]:
    """Return tile -> path of the scene classification at 20 m; empty for L1C."""
    matches = [match for name in files.names if (match := _CLASSIFICATION.fullmatch(name))]
    return {tile_of(match["granule"]): files.gdal_prefix + match[0] for match in matches}


def _is_native(match: re.Match[str]) -> bool:
    """Return whether an image file holds its band at the native GSD. Names in L1C give no GSD: it is always native."""
    gsd = BANDS[match["band"]].gsd
    return all(part is None or int(part) == gsd for part in (match["folder"], match["suffix"]))


def _images_of_tile(images: Mapping[str, dict[str, str]], tile: str) -> dict[str, str]:
    """Return the band files of the granule folder of a tile. In the compact format its name is not the identifier."""
    return next((bands for granule, bands in images.items() if tile_of(granule) == tile), {})
