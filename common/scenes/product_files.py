"""The files of a Sentinel-2 product, given as its `.SAFE` folder, its zip or its `MTD_*.xml`. Reads no pixels."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.errors import ProductError, some_of

_PRODUCT_XML = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2\w_(OPER|USER)_MTD_SAFL(1C|2A)_[^/]*\.xml")


@dataclass(frozen=True)
class ProductFiles:
    """The files of one product, in a folder or in a zip.

    Attributes:
        xml_name: name of the product XML.
        folder_name: name of the product folder.
        names: paths of the image files relative to the product folder, with `/`; in a zip, of all files.
        gdal_prefix: GDAL opens this text followed by a name.
        read: name -> content of the file.
    """

    xml_name: str
    folder_name: str
    names: tuple[str, ...]
    gdal_prefix: str
    read: Callable[[str], bytes]


def open_files(path: Path) -> ProductFiles:
    """Find the files of a product.

    Args:
        path: a `.SAFE` folder, its product XML, or its zip.

    Raises:
        ProductError: path is none of these, holds several products, or is a zip with names outside its folder.
    """
    if path.is_dir():
        return _folder_files(path, _only_product_xml(path, [item.name for item in path.glob("*.xml")]))
    if _PRODUCT_XML.fullmatch(path.name):
        return _folder_files(path.parent, path.name)
    return _zip_files(path)


def _only_product_xml(path: Path, names: list[str]) -> str:
    """Return the one product XML among the names.

    Raises:
        ProductError: there is none, or there are several.
    """
    xml_names = sorted(name for name in names if _PRODUCT_XML.fullmatch(PurePosixPath(name).name))
    if not xml_names:
        raise ProductError(
            f"{path} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml; give the .SAFE folder itself, its .zip or its MTD_*.xml."
        )
    if len(xml_names) > 1:
        raise ProductError(f"{path} holds {len(xml_names)} products ({some_of(xml_names)}); give one of them.")
    return xml_names[0]


def _folder_files(folder: Path, xml_name: str) -> ProductFiles:
    """Find the image files in a product folder."""
    patterns = ("GRANULE/*/IMG_DATA/*", "GRANULE/*/IMG_DATA/R*m/*")
    names = sorted(item.relative_to(folder).as_posix() for pattern in patterns for item in folder.glob(pattern))
    return ProductFiles(
        xml_name=xml_name,
        folder_name=folder.resolve().name,
        names=tuple(names),
        gdal_prefix=f"{folder}/",
        read=lambda name: (folder / name).read_bytes(),
    )


def _zip_files(path: Path) -> ProductFiles:
    """List the files of a product in a zip, without unpacking it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ProductError(
            f"{path} is no .SAFE folder, no MTD_*.xml and no complete zip ({error}); give one of them, or download it "
            f"again."
        ) from error
    _refuse_outside_names(path, names)
    xml_path = PurePosixPath(_only_product_xml(path, [name for name in names if name.count("/") <= 1]))
    folder = "" if xml_path.parent == PurePosixPath(".") else f"{xml_path.parent}/"

    def read(name: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(folder + name)

    return ProductFiles(
        xml_name=xml_path.name,
        folder_name=folder.rstrip("/") or path.stem,
        names=tuple(sorted(name.removeprefix(folder) for name in names if name.startswith(folder))),
        gdal_prefix=f"/vsizip/{{{path}}}/{folder}",
        read=read,
    )


def _refuse_outside_names(path: Path, names: list[str]) -> None:
    """Raise ProductError if a name leads out of the zip's folder. Real products have no such names, harmful zips do."""
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise ProductError(f"{path} holds {name!r}, a name outside the product folder; do not use this zip.")
