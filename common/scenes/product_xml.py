"""The metadata in a product XML: level, baseline, quantification, offsets, passbands, tiles. Reads no pixels."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

from common.errors import ProductError
from common.files.limits import parse_xml
from common.files.read_errors import describe_failed_read
from common.pixels.passbands import Passband, read_passband
from common.pixels.sentinel2 import BANDS, SATURATED_DN, normalize_band
from common.scenes.product_files import ProductFiles

_TILE = re.compile(r"_(T\d{2}[A-Z]{3})(?:_|$)")
_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
_PASSBAND = (
    "{*}Wavelength/{*}CENTRAL",
    "{*}Wavelength/{*}MIN",
    "{*}Wavelength/{*}MAX",
    "{*}Spectral_Response/{*}STEP",
    "{*}Spectral_Response/{*}VALUES",
)
DAMAGED = "the product is damaged or edited: download it again"


def tile_of(granule: str) -> str | None:
    """Return the tile in the name of a granule folder or in a granule identifier; None if there is none.

    Example: `T33UUB` in `L1C_T33UUB_A011559_20170908T100655`.
    """
    match = _TILE.search(granule)
    return match[1] if match else None


def time_of(granule: str) -> str:
    """Return the time in a granule identifier, such as `20160905T073438`; empty if there is none."""
    match = re.search(r"_(\d{8}T\d{6})_", granule)
    return match[1] if match else ""


@dataclass(frozen=True)
class Metadata:
    """A product XML. Tags are found in any namespace, because the namespace differs between baselines.

    All methods raise ProductError if a value is missing or wrong.

    Attributes:
        root: the parsed XML.
        source: its name and path, for messages.
    """

    root: ElementTree.Element
    source: str

    @classmethod
    def parse(cls, files: ProductFiles, path: Path) -> "Metadata":
        """Read and parse the XML of a product.

        Args:
            files: of the product.
            path: as the user gave it, for messages.

        Raises:
            ProductError: the XML cannot be read or parsed.
        """
        source = f"{files.xml_name} of {path}" if path.name != files.xml_name else str(path)
        try:
            content = files.read(files.xml_name)
        except OSError as error:
            raise ProductError(f"{source} {describe_failed_read(error)}.") from error
        return cls.from_content(content, source)

    @classmethod
    def from_content(cls, content: bytes, source: str) -> "Metadata":
        """Parse the content of a product XML. Raises ProductError if it is no XML."""
        try:
            return cls(parse_xml(content), source)
        except ValueError as error:
            raise ProductError(f"{source} is no readable XML ({error}); {DAMAGED}.") from error

    def elements(self, tag: str) -> list[ElementTree.Element]:
        """Return all elements of a tag, at any depth."""
        return self._by_tag.get(tag, [])

    @cached_property
    def _by_tag(self) -> dict[str, list[ElementTree.Element]]:
        """Return tag without its namespace -> its elements. A search for each tag would take ten times as long."""
        found: dict[str, list[ElementTree.Element]] = {}
        for element in self.root.iter():
            found.setdefault(element.tag.rpartition("}")[2], []).append(element)
        return found

    def text(self, *tags: str) -> str:
        """Return the text of the first of these tags that has one."""
        for tag in tags:
            for element in self.elements(tag):
                if element.text and element.text.strip():
                    return element.text.strip()
        raise ProductError(f"{self.source} has no {tags[0]}; {DAMAGED}.")

    def match(self, tag: str, pattern: str, expected: str) -> str:
        """Return the first group of a pattern in the text of a tag; `expected` describes the text in the message."""
        text = self.text(tag)
        match = re.match(pattern, text)
        if not match:
            raise ProductError(f"{self.source} has {tag} {text!r}; expected {expected}.")
        return match[1]

    def parse_number(self, text: str | None, tag: str) -> float:
        """Convert the text of a tag to a finite number."""
        try:
            value = float(text or "")
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ProductError(f"{self.source} has {tag} {text!r}, not a number; {DAMAGED}.")
        return value

    def level(self) -> str:
        """Return `L1C` or `L2A`."""
        return "L" + self.match("PROCESSING_LEVEL", r"Level-(1C|2A)", "Level-1C or Level-2A: download one of these")

    def satellite(self) -> str:
        """Return `S2A`, `S2B`, `S2C` or `S2D`."""
        return "S2" + self.match("SPACECRAFT_NAME", r"Sentinel-2([A-Z])$", "Sentinel-2A, -2B, -2C or -2D")

    def product_name(self) -> str:
        """Return the product's own name; empty if PRODUCT_URI holds no name, as in the old format."""
        uris = [element.text or "" for tag in ("PRODUCT_URI", "PRODUCT_URI_2A") for element in self.elements(tag)]
        return next((uri.removesuffix(".SAFE") for uri in uris if re.fullmatch(r"\w[\w-]*\.SAFE", uri)), "")

    def granules(self) -> dict[str, str]:
        """Return granule identifier -> tile."""
        elements = self.elements("Granule") + self.elements("Granules")  # the second in the old format
        identifiers = [element.get("granuleIdentifier", "") for element in elements]
        granules = {identifier: tile for identifier in identifiers if (tile := tile_of(identifier))}
        if not granules:
            raise ProductError(f"{self.source} lists no granule; {DAMAGED}.")
        return granules

    def quantification(self, level: str) -> float:
        """Return the quantification value, a positive number."""
        tags = _QUANTIFICATION[level]
        value = self.parse_number(self.text(*tags), tags[0])
        if value <= 0:
            raise ProductError(f"{self.source} has {tags[0]} {value:g}; expected a positive number; {DAMAGED}.")
        return value

    def offsets(self, level: str) -> dict[str, float]:
        """Return band -> offset in DN; all 0 if the XML has no offsets, as before baseline 04.00."""
        bands = [band for band in BANDS if level == "L1C" or band != "B10"]
        elements = self.elements(_OFFSET[level])
        if not elements:
            return dict.fromkeys(bands, 0.0)
        names = self.band_names()
        given = {names.get(item.get("band_id", "")): self.parse_number(item.text, _OFFSET[level]) for item in elements}
        missing = [band for band in bands if band not in given]
        if missing:
            raise ProductError(f"{self.source} has no {_OFFSET[level]} for {', '.join(missing)}; {DAMAGED}.")
        return {band: given[band] for band in bands}

    def band_names(self) -> dict[str, str]:
        """Return band_id -> band from Spectral_Information; without that element, in the fixed order of the bands."""
        try:
            names = {
                item.get("bandId", ""): normalize_band(item.get("physicalBand", ""))
                for item in self.elements("Spectral_Information")
            }
        except ValueError as error:
            raise ProductError(f"{self.source}, Spectral_Information: {error}") from error
        return names or {str(index): band for index, band in enumerate(BANDS)}

    def passbands(self) -> dict[str, Passband]:
        """Return band -> wavelength and width from Spectral_Information; without the bands that it does not give."""
        names = self.band_names()
        passbands = {}
        for item in self.elements("Spectral_Information"):
            band = names[item.get("bandId", "")]
            if passband := read_passband(band, *(item.findtext(path) for path in _PASSBAND)):
                passbands[band] = passband
        return passbands

    def special_value(self, name: str, default: int) -> int:
        """Return the DN of NODATA or SATURATED pixels, or the default if the XML has none."""
        for group in self.elements("Special_Values"):
            if group.findtext("{*}SPECIAL_VALUE_TEXT", "").strip() == name:
                tag = "SPECIAL_VALUE_INDEX"
                value = self.parse_number(group.findtext(f"{{*}}{tag}"), tag)
                if not (value.is_integer() and 0 <= value <= SATURATED_DN):
                    raise ProductError(f"{self.source} has {tag} {value:g}; expected 0 to {SATURATED_DN}; {DAMAGED}.")
                return int(value)
        return default
