"""SAFE product -> Scene: what a Sentinel-2 product's own XML says, and where its band files are.

First step of the data flow; `common/tiles.py` calls it, `common/bands.py` reads the files it names. A product is a
`.SAFE` folder, its zip (never unpacked), its product XML, or one granule folder in it; L1C or L2A, any processing
baseline, compact or old multi-granule format (one Scene a granule). Level, tile, radiometry and times come from the
XML; nothing is decided by date. Band files are found by their names in IMG_DATA, because the XML's own list of files is
often wrong in products that somebody has cut or repacked. A band of L2A counts only at its native GSD: the resampled
copies in R20m and R60m are left alone.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from common.errors import ProductError, ProductNotFoundError
from common.scene import NODATA_DN, SATURATED_DN, Scene
from common.sentinel2 import BANDS, normalize_band

_PRODUCT_XML = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2\w_(OPER|USER)_MTD_SAFL(1C|2A)_[^/]*\.xml")
_IMAGE = re.compile(
    r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/(?:R(?P<folder>\d\d)m/)?"
    r"[^/.][^/]*_(?P<band>B\d[\dA])(?:_(?P<suffix>\d\d)m)?\.(?:jp2|tif)"
)
_TILE = re.compile(r"_(T\d{2}[A-Z]{3})(?:_|$)")
_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
_DAMAGED = "the product is damaged or edited: download it again"


@dataclass(frozen=True)
class _ProductFiles:
    """The files of one product, in a folder or in a zip.

    Attributes:
        xml_name: the product XML.
        folder_name: name of the product folder.
        names: all files that may matter, relative to the product folder, with `/`.
        gdal_prefix: what GDAL needs before such a name.
        read: bytes of such a file.
    """

    xml_name: str
    folder_name: str
    names: tuple[str, ...]
    gdal_prefix: str
    read: Callable[[str], bytes]


def read_product(path: Path | str) -> tuple[Scene, ...]:
    """Read the metadata of a Sentinel-2 product; no pixels.

    Args:
        path: a `.SAFE` folder, its zip, its product XML (`MTD_MSIL1C.xml`, `MTD_MSIL2A.xml`, or
            `S2A_OPER_MTD_SAFL1C_*.xml`), or a folder `GRANULE/<granule>` inside it.

    Returns:
        One Scene for each granule that the XML lists, by tile. Where the product holds no image files for a granule,
        its `band_paths` are empty.

    Raises:
        ProductNotFoundError: nothing is at path.
        ProductError: path is no product, or its metadata are damaged or of another level than L1C and L2A.
    """
    path = Path(path)
    if not path.exists():
        raise ProductNotFoundError(f"{path} does not exist; give a .SAFE folder, its .zip or its MTD_*.xml.")
    is_granule = path.is_dir() and path.absolute().parent.name == "GRANULE"
    files = _open_files(path.absolute().parents[1] if is_granule else path)
    scenes = _scenes(path, files)
    if is_granule:
        scenes = tuple(scene for scene in scenes if scene.tile == _tile_of(path.absolute().name))
        if not scenes:
            raise ProductError(f"{files.xml_name} does not list the granule {path}; give the .SAFE folder itself.")
    return scenes


def _open_files(path: Path) -> _ProductFiles:
    """The product's files, whichever way it was given."""
    if path.is_dir():
        return _folder_files(path, _only_product_xml(path, [item.name for item in path.glob("*.xml")]))
    if _PRODUCT_XML.fullmatch(path.name):
        return _folder_files(path.parent, path.name)
    return _zip_files(path)


def _only_product_xml(path: Path, names: list[str]) -> str:
    """The one product XML among the names."""
    found = sorted(name for name in names if _PRODUCT_XML.fullmatch(PurePosixPath(name).name))
    if not found:
        raise ProductError(
            f"{path} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml; give the .SAFE folder itself, its .zip or its MTD_*.xml."
        )
    if len(found) > 1:
        raise ProductError(f"{path} holds {len(found)} products ({', '.join(found[:3])}); give one of them.")
    return found[0]


def _folder_files(folder: Path, xml_name: str) -> _ProductFiles:
    """The image files in a product folder."""
    patterns = ("GRANULE/*/IMG_DATA/*", "GRANULE/*/IMG_DATA/R*m/*")
    names = sorted(item.relative_to(folder).as_posix() for pattern in patterns for item in folder.glob(pattern))
    return _ProductFiles(
        xml_name=xml_name,
        folder_name=folder.resolve().name,
        names=tuple(names),
        gdal_prefix=f"{folder}/",
        read=lambda name: (folder / name).read_bytes(),
    )


def _zip_files(path: Path) -> _ProductFiles:
    """The files of a product in a zip, without unpacking it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ProductError(
            f"{path} is no .SAFE folder, no MTD_*.xml and no complete zip ({error}); download it again."
        ) from error
    _refuse_outside_names(path, names)
    xml_path = PurePosixPath(_only_product_xml(path, [name for name in names if name.count("/") <= 1]))
    folder = "" if xml_path.parent == PurePosixPath(".") else f"{xml_path.parent}/"

    def read(name: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(folder + name)

    return _ProductFiles(
        xml_name=xml_path.name,
        folder_name=folder.rstrip("/") or path.stem,
        names=tuple(sorted(name.removeprefix(folder) for name in names if name.startswith(folder))),
        gdal_prefix=f"/vsizip/{{{path}}}/{folder}",
        read=read,
    )


def _refuse_outside_names(path: Path, names: list[str]) -> None:
    """A name that leaves its folder is never in a real product, but is in zips made to harm."""
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise ProductError(f"{path} holds {name!r}, a name outside the product folder; do not use this zip.")


def _scenes(path: Path, files: _ProductFiles) -> tuple[Scene, ...]:
    """One Scene for each granule in the product XML."""
    metadata = _Metadata.parse(files, path)
    images = _images_by_granule(files, path)
    granules = metadata.granules()
    name = metadata.product_name() or files.folder_name.removesuffix(".SAFE")
    level = metadata.level()
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
        )
        for granule, tile in granules.items()
    ]
    return tuple(sorted(scenes, key=lambda scene: scene.tile))


def _images_by_granule(files: _ProductFiles, path: Path) -> dict[str, dict[str, str]]:
    """Granule folder -> band -> path that GDAL opens, each band at its native GSD only."""
    images: dict[str, dict[str, str]] = {}
    matches = [match for name in files.names if (match := _IMAGE.fullmatch(name)) and match["band"] in BANDS]
    for match in sorted(matches, key=lambda match: list(BANDS).index(match["band"])):
        if not _is_native(match):
            continue
        granule = images.setdefault(match["granule"], {})
        if match["band"] in granule:
            raise ProductError(f"{path} has two files for {match['band']} in {match['granule']}; {_DAMAGED}.")
        granule[match["band"]] = files.gdal_prefix + match[0]
    return images


def _is_native(match: re.Match[str]) -> bool:
    """Whether an image file holds its band at the band's own GSD. Names in L1C give no GSD: there it always does."""
    gsd = BANDS[match["band"]].gsd
    return all(part is None or int(part) == gsd for part in (match["folder"], match["suffix"]))


def _images_of_tile(images: Mapping[str, dict[str, str]], tile: str) -> dict[str, str]:
    """The band files of a tile's granule folder: in the compact format its name is not the identifier."""
    return next((bands for granule, bands in images.items() if _tile_of(granule) == tile), {})


def _tile_of(granule: str) -> str | None:
    """`T33UUB` in `L1C_T33UUB_A011559_20170908T100655` or in a granule identifier; None if there is none."""
    match = _TILE.search(granule)
    return match[1] if match else None


@dataclass(frozen=True)
class _Metadata:
    """Questions to a product XML. Tags are looked up in any namespace: it differs between baselines."""

    root: ElementTree.Element
    where: str

    @classmethod
    def parse(cls, files: _ProductFiles, path: Path) -> "_Metadata":
        where = f"{files.xml_name} of {path}" if path.name != files.xml_name else str(path)
        try:
            return cls(ElementTree.fromstring(files.read(files.xml_name)), where)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ProductError(f"{where} is no readable XML ({error}); {_DAMAGED}.") from error
        except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # RuntimeError: an encrypted zip
            raise ProductError(f"{where} cannot be read ({error}); check its rights, or download it again.") from error

    def elements(self, tag: str) -> list[ElementTree.Element]:
        return self.root.findall(f".//{{*}}{tag}")

    def text(self, *tags: str) -> str:
        """Text of the first of the tags that is there."""
        for tag in tags:
            for element in self.elements(tag):
                if element.text and element.text.strip():
                    return element.text.strip()
        raise ProductError(f"{self.where} has no {tags[0]}; {_DAMAGED}.")

    def match(self, tag: str, pattern: str, expected: str) -> str:
        """The first group of a pattern in the text of a tag."""
        text = self.text(tag)
        match = re.match(pattern, text)
        if not match:
            raise ProductError(f"{self.where} has {tag} {text!r}; expected {expected}.")
        return match[1]

    def number(self, text: str | None, tag: str) -> float:
        try:
            number = float(text or "")
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ProductError(f"{self.where} has {tag} {text!r}, not a number; {_DAMAGED}.")
        return number

    def level(self) -> str:
        return "L" + self.match("PROCESSING_LEVEL", r"Level-(1C|2A)", "Level-1C or Level-2A: download one of these")

    def satellite(self) -> str:
        return "S2" + self.match("SPACECRAFT_NAME", r"Sentinel-2([A-Z])$", "Sentinel-2A, -2B, -2C or -2D")

    def product_name(self) -> str:
        """The product's own name, or empty where PRODUCT_URI holds something else, as in the old format."""
        uris = [element.text or "" for tag in ("PRODUCT_URI", "PRODUCT_URI_2A") for element in self.elements(tag)]
        return next((uri.removesuffix(".SAFE") for uri in uris if re.fullmatch(r"\w[\w-]*\.SAFE", uri)), "")

    def granules(self) -> dict[str, str]:
        """Granule identifier -> tile."""
        elements = self.elements("Granule") + self.elements("Granules")  # the second in the old format
        identifiers = [element.get("granuleIdentifier", "") for element in elements]
        granules = {identifier: tile for identifier in identifiers if (tile := _tile_of(identifier))}
        if not granules:
            raise ProductError(f"{self.where} lists no granule; {_DAMAGED}.")
        return granules

    def quantification(self, level: str) -> float:
        tags = _QUANTIFICATION[level]
        number = self.number(self.text(*tags), tags[0])
        if number <= 0:
            raise ProductError(f"{self.where} has {tags[0]} {number:g}; expected a positive number; {_DAMAGED}.")
        return number

    def offsets(self, level: str) -> dict[str, float]:
        """Band -> offset in DN; all 0 where the XML gives none, as before baseline 04.00."""
        bands = [band for band in BANDS if level == "L1C" or band != "B10"]
        elements = self.elements(_OFFSET[level])
        if not elements:
            return dict.fromkeys(bands, 0.0)
        names = self.band_names()
        given = {names.get(item.get("band_id", "")): self.number(item.text, _OFFSET[level]) for item in elements}
        missing = [band for band in bands if band not in given]
        if missing:
            raise ProductError(f"{self.where} has no {_OFFSET[level]} for {', '.join(missing)}; {_DAMAGED}.")
        return {band: given[band] for band in bands}

    def band_names(self) -> dict[str, str]:
        """band_id -> band, from Spectral_Information, or the fixed order where that is absent."""
        try:
            names = {
                item.get("bandId", ""): normalize_band(item.get("physicalBand", ""))
                for item in self.elements("Spectral_Information")
            }
        except ValueError as error:
            raise ProductError(f"{self.where}, Spectral_Information: {error}") from error
        return names or {str(index): band for index, band in enumerate(BANDS)}

    def special_value(self, name: str, default: int) -> int:
        """DN of NODATA or SATURATED pixels."""
        for group in self.elements("Special_Values"):
            if group.findtext("{*}SPECIAL_VALUE_TEXT", "").strip() == name:
                tag = "SPECIAL_VALUE_INDEX"
                number = self.number(group.findtext(f"{{*}}{tag}"), tag)
                if not (number.is_integer() and 0 <= number <= SATURATED_DN):
                    raise ProductError(f"{self.where} has {tag} {number:g}; expected 0 to {SATURATED_DN}; {_DAMAGED}.")
                return int(number)
        return default
