"""SAFE product -> Scene: the metadata in its XML, and the paths of its band files. First step of the data flow.

`product_files.py` finds the product from any path that leads to it. It is L1C or L2A, of any processing baseline, in the
compact or the old multi-granule format (one Scene a granule). Level, tile, radiometry and times come from the XML;
nothing depends on the date. Band files are found by the names of the bands in IMG_DATA, because the list of files in the
XML is often wrong in products that somebody has cut, renamed or repacked. Each band of L2A is taken at its native GSD;
its resampled copies in R20m and R60m are ignored.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError, some_of
from common.files.read_errors import describe_missing
from common.pixels.sentinel2 import BANDS, NODATA_DN, SATURATED_DN
from common.scenes.product_files import ProductFiles, find_products
from common.scenes.product_xml import DAMAGED, Metadata, tile_of, time_of
from common.scenes.scene import Scene

_IN_GRANULE = r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/"
_IMAGE = re.compile(
    _IN_GRANULE + r"(?:R(?P<folder>\d\d)m/)?(?:[^/.][^/]*)?"
    r"(?<![a-z0-9])(?P<band>B\d[\dA])(?:[^a-z0-9/](?P<suffix>\d\d)m)?\.(?:jp2|tif)",
    re.IGNORECASE,
)
_CLASSIFICATION = re.compile(
    _IN_GRANULE + r"(?:R20m/)?(?:[^/.][^/]*)?(?<![a-z0-9])SCL_(?:[^/]*_)?20m\.(?:jp2|tif)", re.IGNORECASE
)
_ANY_IMAGE = re.compile(_IN_GRANULE + r"(?:R\d\dm/)?[^/.][^/]*\.(?:jp2|tif)", re.IGNORECASE)
_TILE_IN_NAME = re.compile(r"(?<![A-Z0-9])T\d{2}[A-Z]{3}(?![A-Z0-9])")


def read_product(path: Path | str) -> tuple[Scene, ...]:
    """Read the metadata of a Sentinel-2 product; no pixels.

    Args:
        path: the product, as `product_files.py` finds it; a path into a granule reads this granule only.

    Returns:
        One Scene for each granule that the XML lists, sorted by name; those of all products in an archive. The
        `band_paths` of a granule without image files are empty.

    Raises:
        ProductNotFoundError: path does not exist.
        ProductError: path is no product, or its metadata are damaged or of another level than L1C and L2A.
    """
    path = Path(path)
    if not path.exists():
        raise ProductNotFoundError(
            f"{path} {describe_missing(path)}; give a .SAFE folder, its zip, its tar or its MTD_*.xml."
        )
    scenes = [scene for files in find_products(path) for scene in _read_scenes(path, files)]
    return tuple(sorted(scenes, key=lambda scene: scene.name))


def _read_scenes(path: Path, files: ProductFiles) -> list[Scene]:
    """Make one Scene for each granule in the product XML, or for the one to which the path leads."""
    metadata = Metadata.parse(files, path)
    _refuse_nameless_images(files)
    granules = metadata.granules()
    folders = _folders_of_granules(granules, files)
    images = _images_by_folder(files)
    classifications = _classification_by_folder(files)
    names = _scene_names(metadata.product_name() or files.folder_name.removesuffix(".SAFE"), granules)
    level = metadata.level()
    passbands = metadata.passbands()
    return [
        Scene(
            name=names[granule],
            path=files.path,
            level=level,
            tile=tile,
            satellite=metadata.satellite(),
            baseline=metadata.text("PROCESSING_BASELINE"),
            sensing_time=metadata.text("PRODUCT_START_TIME", "DATATAKE_SENSING_START"),
            band_paths=images.get(folders.get(granule, ""), {}),
            quantification=metadata.quantification(level),
            offsets=metadata.offsets(level),
            nodata=metadata.special_value("NODATA", NODATA_DN),
            saturated=metadata.special_value("SATURATED", SATURATED_DN),
            passbands=passbands,
            classification_path=classifications.get(folders.get(granule, ""), ""),
            granule=granule,
        )
        for granule, tile in _wanted_granules(granules, folders, files, path).items()
    ]


def _refuse_nameless_images(files: ProductFiles) -> None:
    """Raise ProductError if there are images and none has the name of a band, as in the short names of old Windows."""
    images = [name for name in files.names if _ANY_IMAGE.fullmatch(name)]
    if images and not any(map(_IMAGE.fullmatch, images)):
        raise ProductError(
            f"{files.path} has images whose names hold no band, such as {images[0].rpartition('/')[2]}; expected names such "
            f"as B02.jp2 or T32TNS_B02.jp2: unpack the product again."
        )


def _wanted_granules(
    granules: Mapping[str, str], folders: Mapping[str, str], files: ProductFiles, path: Path
) -> Mapping[str, str]:
    """Return granule -> tile of all granules, or of the one to which the path leads.

    Raises:
        ProductError: the path leads to a granule folder of no granule in the XML.
    """
    if not files.granule:
        return granules
    same_folder = {name: tile for name, tile in granules.items() if files.granule in (name, folders.get(name))}
    same_tile = {name: tile for name, tile in granules.items() if tile == tile_of(files.granule)}
    if not same_folder and len(same_tile) != 1:
        raise ProductError(f"{files.xml_name} does not list the granule {path}; give the product folder itself.")
    return same_folder or same_tile


def _scene_names(product: str, granules: Mapping[str, str]) -> dict[str, str]:
    """Return granule -> name of its scene, unique in the product.

    The tile follows the product's name if there are several granules; the time in the granule's name follows if there
    are several of the tile, as in old products of two datastrips; all of the granule's name if that is not enough.
    """
    if len(granules) == 1:
        return dict.fromkeys(granules, product)
    count = Counter(granules.values())
    short = {name: tile if count[tile] == 1 else f"{tile}_{time_of(name)}" for name, tile in granules.items()}
    count = Counter(short.values())
    return {name: f"{product}_{part if count[part] == 1 else name}" for name, part in short.items()}


def _folders_of_granules(granules: Mapping[str, str], files: ProductFiles) -> dict[str, str]:
    """Return granule -> name of the granule folder with its images.

    The names are equal in the old format. Other folders are found by their tile: in their own name, or in the names of
    their images if the folder was renamed. If no name holds a tile, one folder belongs to one granule.

    Raises:
        ProductError: several folders hold one tile of the compact format.
    """
    tiles = _tiles_of_folders(files)
    found = {granule: granule for granule in granules if granule in tiles}
    rest = [granule for granule in granules if granule not in found]
    free = {folder: tile for folder, tile in tiles.items() if folder not in found and files.granule in ("", folder)}
    for granule in rest:
        same = [folder for folder, tile in free.items() if tile == granules[granule]]
        if len(same) > 1:
            raise ProductError(
                f"{files.path} holds {len(same)} granule folders of {granules[granule]} ({some_of(same)}); give one of "
                f"these folders."
            )
        if same and list(granules.values()).count(granules[granule]) == 1:
            found[granule] = same[0]
    nameless = [folder for folder, tile in free.items() if not tile]
    if len(rest) == len(nameless) == 1 and rest[0] not in found:
        found[rest[0]] = nameless[0]
    return found


def _tiles_of_folders(files: ProductFiles) -> dict[str, str]:
    """Return granule folder with images -> its tile, from its name or else from the names of its images; empty if none."""
    tiles: dict[str, str] = {}
    for name in files.names:
        if match := _IMAGE.fullmatch(name):
            in_image = _TILE_IN_NAME.search(name.rpartition("/")[2])
            tile = tile_of(match["granule"]) or (in_image[0] if in_image else "")
            tiles[match["granule"]] = tiles.get(match["granule"]) or tile
    return tiles


def _images_by_folder(files: ProductFiles) -> dict[str, dict[str, str]]:
    """Return granule folder -> band -> path that GDAL opens, each band at its native GSD only."""
    images: dict[str, dict[str, str]] = {}
    matches = [match for name in files.names if (match := _IMAGE.fullmatch(name)) and match["band"].upper() in BANDS]
    for match in sorted(matches, key=lambda match: list(BANDS).index(match["band"].upper())):
        if not _is_native(match):
            continue
        granule, band = images.setdefault(match["granule"], {}), match["band"].upper()
        if band in granule:
            raise ProductError(f"{files.path} has two files for {band} in {match['granule']}; {DAMAGED}.")
        granule[band] = files.gdal_path(match[0])
    return images


def _classification_by_folder(files: ProductFiles) -> dict[str, str]:
    """Return granule folder -> path of the scene classification at 20 m; empty for L1C."""
    matches = [match for name in files.names if (match := _CLASSIFICATION.fullmatch(name))]
    return {match["granule"]: files.gdal_path(match[0]) for match in matches}


def _is_native(match: re.Match[str]) -> bool:
    """Return whether an image file holds its band at the native GSD. Names in L1C give no GSD: it is always native."""
    gsd = BANDS[match["band"].upper()].gsd
    return all(part is None or int(part) == gsd for part in (match["folder"], match["suffix"]))
