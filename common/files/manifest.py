"""The checksums in the `manifest.safe` of a product: MD5 until baseline 03.00, SHA3-256 since 03.01."""

import logging
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

logger = logging.getLogger(__name__)

MANIFEST = "manifest.safe"
_MOST_FOLDERS = 5  # between an image and its manifest: GRANULE, a granule, IMG_DATA, R10m


class Entry(NamedTuple):
    """What a manifest says about a file.

    Attributes:
        size: bytes.
        algorithm: `MD5` or `SHA3-256`.
        digest: hexadecimal, in lower case.
    """

    size: int
    algorithm: str
    digest: str


def find_entry(file: Path) -> Entry | None:
    """Return the entry of a file in the manifest of its product; None if there is no manifest, or none for the file."""
    for folder in file.absolute().parents[:_MOST_FOLDERS]:
        manifest = folder / MANIFEST
        if manifest.is_file():
            return _read_entries(manifest, manifest.stat().st_mtime_ns).get(
                file.absolute().relative_to(folder).as_posix()
            )
    return None


@lru_cache(maxsize=4)
def _read_entries(manifest: Path, _modified: int) -> dict[str, Entry]:
    """Return name of a file, relative to the product -> its entry. Read again when the manifest was modified."""
    try:
        root = ElementTree.parse(manifest).getroot()
        return dict(filter(None, map(_entry, root.iterfind(".//{*}byteStream"))))
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        logger.warning("%s cannot be read (%s); the files of the product are not compared with it", manifest, error)
        return {}


def _entry(stream: ElementTree.Element) -> tuple[str, Entry] | None:
    """Return name and entry of a file; None if the manifest gives no checksum for it."""
    location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
    if location is None or checksum is None or not checksum.text:
        return None
    name = PurePosixPath(location.get("href", "").replace("\\", "/")).as_posix()  # without `./`
    return name, Entry(int(stream.get("size", "")), checksum.get("checksumName", ""), checksum.text.strip().lower())
