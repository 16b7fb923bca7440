"""The metadata of a Sentinel-2 product: level, baseline, quantification, offsets, tiles. Reads XML, never pixels."""

import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS, SATURATED_DN, normalize_band
from common.scenes.product_files import ProductFiles

_TILE = re.compile(r"_(T\d{2}[A-Z]{3})(?:_|$)")
_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
DAMAGED = "the product is damaged or edited: download it again"


def tile_of(granule: str) -> str | None:
    """`T33UUB` in `L1C_T33UUB_A011559_20170908T100655` or in a granule identifier; None if there is none."""
    match = _TILE.search(granule)
    return match[1] if match else None


@dataclass(frozen=True)
class Metadata:
    """Questions to a product XML. Tags are looked up in any namespace: it differs between baselines."""

    root: ElementTree.Element
    where: str

    @classmethod
    def parse(cls, files: ProductFiles, path: Path) -> "Metadata":
        where = f"{files.xml_name} of {path}" if path.name != files.xml_name else str(path)
        try:
            return cls(ElementTree.fromstring(files.read(files.xml_name)), where)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ProductError(f"{where} is no readable XML ({error}); {DAMAGED}.") from error
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
        raise ProductError(f"{self.where} has no {tags[0]}; {DAMAGED}.")

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
            raise ProductError(f"{self.where} has {tag} {text!r}, not a number; {DAMAGED}.")
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
        granules = {identifier: tile for identifier in identifiers if (tile := tile_of(identifier))}
        if not granules:
            raise ProductError(f"{self.where} lists no granule; {DAMAGED}.")
        return granules

    def quantification(self, level: str) -> float:
        tags = _QUANTIFICATION[level]
        number = self.number(self.text(*tags), tags[0])
        if number <= 0:
            raise ProductError(f"{self.where} has {tags[0]} {number:g}; expected a positive number; {DAMAGED}.")
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
            raise ProductError(f"{self.where} has no {_OFFSET[level]} for {', '.join(missing)}; {DAMAGED}.")
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
                    raise ProductError(f"{self.where} has {tag} {number:g}; expected 0 to {SATURATED_DN}; {DAMAGED}.")
                return int(number)
        return default
