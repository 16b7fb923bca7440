"""The files of a Sentinel-2 product in SAFE, found from any path that leads to it. Reads no pixels.

The path is the product folder, whatever its name; its zip or tar, with any number of folders around the product; its
`MTD_*.xml`, `manifest.safe` or another XML; or a folder or an image inside it. A zip or tar may hold several products.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.errors import ProductError, some_of
from common.files.archives import Archive, open_archive, read_metadata_file
from common.files.read_errors import describe_failed_read
from common.scenes.patch_folder import is_patch_folder

_PRODUCT_XML = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2\w_(OPER|USER)_MTD_SAFL(1C|2A)_[^/]*\.xml", re.IGNORECASE)
_SENTINEL_1 = re.compile(r"S1[A-D]_.*")
_GRANULES = "GRANULE"
_PARTS = (_GRANULES, "DATASTRIP", "AUX_DATA", "HTML", "rep_info")  # folders of a product
_METADATA_SUFFIXES = (".xml", ".safe")
_IMAGE_SUFFIXES = (".jp2", ".tif")
_MOST_TRIED = 20  # names in a folder that are tried, only for a message
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class ProductFiles:
    """The files of one product, in a folder or in an archive. Names are relative to the product folder, with `/`.

    Attributes:
        path: the product folder, or the zip or tar.
        xml_name: name of the product XML.
        folder_name: name of the product folder.
        names: of the image files; in an archive, of all files.
        gdal_path: name -> path by which GDAL opens the file.
        read: name -> content of a small file.
        granule: name of the granule folder to which the user's path leads; empty for the whole product.
    """

    path: Path
    xml_name: str
    folder_name: str
    names: tuple[str, ...]
    gdal_path: Callable[[str], str]
    read: Callable[[str], bytes]
    granule: str = ""


def find_products(path: Path) -> tuple[ProductFiles, ...]:
    """Find the product to which a path leads, or all products in an archive.

    Raises:
        ProductError: path leads to none, or an archive is damaged or harmful.
    """
    names = _names_in(path)
    if any(map(_PRODUCT_XML.fullmatch, names)):
        return (_folder_files(path, _only_product_xml(path, names)),)
    if _PRODUCT_XML.fullmatch(path.name):
        xml = path if (path.parent / _GRANULES).is_dir() else path.resolve()
        return (_folder_files(xml.parent, xml.name),)
    if above := _product_above(path):
        return (above,)
    if path.is_dir():
        raise ProductError(f"{path} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml; {_advice(path)}.")
    return _archive_files(path)


def is_product_folder(path: Path) -> bool:
    """Return whether a folder holds a product XML. A folder that cannot be read counts as none."""
    with suppress(ProductError):
        return any(map(_PRODUCT_XML.fullmatch, _names_in(path)))
    return False


def _names_in(path: Path) -> list[str]:
    """Return the names in a folder; none if it is no folder.

    Raises:
        ProductError: the folder cannot be read.
    """
    try:
        return os.listdir(path)
    except (NotADirectoryError, FileNotFoundError):
        return []
    except OSError as error:
        raise ProductError(f"{path} {describe_failed_read(error)}.") from error


def _only_product_xml(place: Path | str, names: Iterable[str]) -> str:
    """Return the one product XML among the names in a folder.

    Raises:
        ProductError: there are several.
    """
    xml_names = sorted(name for name in names if _PRODUCT_XML.fullmatch(name))
    if len(xml_names) > 1:
        raise ProductError(f"{place} holds {len(xml_names)} products ({some_of(xml_names)}); give one of them.")
    return xml_names[0]


def _folder_files(folder: Path, xml_name: str, granule: str = "") -> ProductFiles:
    """Find the image files in a product folder."""
    patterns = ("GRANULE/*/IMG_DATA/*", "GRANULE/*/IMG_DATA/R*m/*")
    names = sorted(item.relative_to(folder).as_posix() for pattern in patterns for item in folder.glob(pattern))

    def read(name: str) -> bytes:
        return read_metadata_file(folder / name)

    return ProductFiles(
        folder, xml_name, folder.resolve().name, tuple(names), lambda name: f"{folder}/{name}", read, granule
    )


def _product_above(path: Path) -> ProductFiles | None:
    """Find the product around a file or folder; None if the path is no part of a product."""
    for place in (Path(os.path.abspath(path)), path.resolve()):
        for folder in place.parents:
            parts = place.relative_to(folder).parts
            if _is_part(place, parts) and is_product_folder(folder):
                granule = parts[1] if parts[0] == _GRANULES and len(parts) > 1 else ""
                return _folder_files(folder, _only_product_xml(folder, _names_in(folder)), granule)
    return None


def _is_part(place: Path, parts: tuple[str, ...]) -> bool:
    """Return whether a file or folder belongs to a product, as its place in the product folder and its ending say."""
    if len(parts) == 1 and not place.is_dir():
        return place.suffix.lower() in _METADATA_SUFFIXES
    is_known = place.is_dir() or place.suffix.lower() in (*_METADATA_SUFFIXES, *_IMAGE_SUFFIXES)
    return parts[0] in _PARTS and is_known


def _advice(path: Path) -> str:
    """Return what to give instead of a folder that is no product."""
    names = _names_in(path)
    archives = sorted(name for name in names if name.lower().endswith(_ARCHIVE_SUFFIXES))
    if "IMG_DATA" in names:
        return "it is a granule without the product around it; give the product as downloaded"
    if _SENTINEL_1.fullmatch(path.absolute().name) or (names and all(map(_SENTINEL_1.fullmatch, names))):
        return "it is of Sentinel-1; give a product or a patch folder of Sentinel-2"
    if path.suffix.lower() == ".safe":
        return "it is not whole: download or unpack the product again"
    if patch := next((name for name in names[:_MOST_TRIED] if is_patch_folder(path / name)), None):
        return f"it holds patch folders such as {patch}: give one of them, or a list of them"
    if archives:
        return f"it holds {some_of(archives)}: give one of these files"
    if item := next((name for name in sorted(names) if name.lower().endswith((".json", ".geojson"))), None):
        return f"it holds {item}: if this is a STAC item, give it"
    return "give the .SAFE folder itself, its zip, its tar or its MTD_*.xml"


def _archive_files(path: Path) -> tuple[ProductFiles, ...]:
    """List the files of each product in a zip or tar, without unpacking it."""
    with open_archive(path) as archive:
        folders = _product_folders(archive.members)
        if not folders:
            raise ProductError(f"{path} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml{_inner_archives(archive.members)}.")
        return tuple(_files_in(archive, folder) for folder in folders)


def _product_folders(names: Iterable[str]) -> list[str]:
    """Return the folders of products, each with `/` at its end or empty; outer ones only, those with granules if any."""
    found = {name.rpartition("/")[0] for name in names if _PRODUCT_XML.fullmatch(PurePosixPath(name).name)}
    outer: list[str] = []
    for folder in sorted(f"{folder}/" if folder else "" for folder in found):
        if not outer or not folder.startswith(outer[-1]):
            outer.append(folder)
    with_granules = {name.partition(f"{_GRANULES}/")[0] for name in names if f"{_GRANULES}/" in name}
    return [folder for folder in outer if folder in with_granules] or outer


def _inner_archives(names: Iterable[str]) -> str:
    """Return what to do with an archive that holds no product."""
    inner = sorted(name for name in names if name.lower().endswith(_ARCHIVE_SUFFIXES))
    return f", but {some_of(inner)}; unpack it once, and give one of these" if inner else "; give the zip of a product"


def _files_in(archive: Archive, folder: str) -> ProductFiles:
    """Return the files of the product in one folder of an archive."""
    path = archive.path
    names = sorted(name.removeprefix(folder) for name in archive.members if name.startswith(folder))
    paths = {name: archive.gdal_path(folder + name) for name in names}

    def read(name: str) -> bytes:
        with open_archive(path) as opened:
            return opened.read_metadata(folder + name)

    return ProductFiles(
        path=path,
        xml_name=_only_product_xml(f"{path}, {folder}", [name for name in names if "/" not in name]),
        folder_name=PurePosixPath(folder).name or path.stem,
        names=tuple(names),
        gdal_path=paths.__getitem__,
        read=read,
    )


def products_below(folder: Path, is_product: Callable[[Path], bool], depth: int = 2) -> list[Path]:
    """Return the products in a folder, or else in the folders in it; the nearest level only, sorted by name."""
    level = [folder]
    for _ in range(depth):
        level = sorted(inner for outer in level for inner in _folders_in(outer))
        if products := [inner for inner in level if is_product(inner)]:
            return products
    return []


def _folders_in(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, without hidden ones. A folder that cannot be read counts as empty."""
    with suppress(OSError), os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
