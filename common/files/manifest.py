"""The checksums in the `manifest.safe` of a product: MD5 until baseline 03.00, SHA3-256 since 03.01."""

import logging
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

from common.errors import ProductError
from common.files.archives import open_archive, read_metadata_file
from common.files.limits import parse_xml
from common.files.read_errors import describe_failed_read

logger = logging.getLogger(__name__)

MANIFEST = "manifest.safe"
_MOST_FOLDERS = 5  # between an image and its manifest: GRANULE, a granule, IMG_DATA, R10m


class Entry(NamedTuple):
    """What a manifest, or the directory of a zip, says about a file.

    Attributes:
        size: bytes.
        algorithm: `MD5` or `SHA3-256`; `CRC-32` for the directory of a zip.
        digest: hexadecimal, in lower case.
    """

    size: int
    algorithm: str
    digest: str


def find_entry(file: Path) -> Entry | None:
    """Return the entry of a file in the manifest of its product; None if there is no manifest, or none for the file.

    Raises:
        ProductError: the manifest is a link to nowhere, or the system refuses to read it.
    """
    for folder in file.absolute().parents[:_MOST_FOLDERS]:
        manifest = folder / MANIFEST
        if manifest.is_file() or manifest.is_symlink():
            try:
                entries = _read_entries(manifest, manifest.stat().st_mtime_ns)
            except OSError as error:
                raise ProductError(f"{manifest} {describe_failed_read(error)}.") from error
            return entries.get(file.absolute().relative_to(folder).as_posix())
    return None


class TarEntry(NamedTuple):
    """A file in a tar, with its entry in the manifest of the product.

    Attributes:
        name: in the tar.
        size: bytes in the tar.
        entry: what the manifest says.
    """

    name: str
    size: int
    entry: Entry


def find_tar_entry(tar: Path, offset: int) -> TarEntry | None:
    """Return the file that begins at a byte of a tar, with its entry in a manifest of the tar; None if it has none."""
    return _read_tar(tar, tar.stat().st_mtime_ns).get(offset)


@lru_cache(maxsize=4)
def _read_tar(tar: Path, _modified: int) -> dict[int, TarEntry]:
    """Return the first byte of a file in a tar -> its entry. Read again when the tar was modified."""
    found = {}
    with open_archive(tar) as archive:
        for manifest in (name for name in archive.members if PurePosixPath(name).name == MANIFEST):
            folder = manifest.removesuffix(MANIFEST)
            entries = _parse(archive.read_metadata(manifest), f"{manifest} of {tar}")
            for name, entry in entries.items():
                if member := archive.members.get(folder + name):
                    found[member.offset_data] = TarEntry(folder + name, member.size, entry)
    return found


@lru_cache(maxsize=4)
def _read_entries(manifest: Path, _modified: int) -> dict[str, Entry]:
    """Return name of a file, relative to the product -> its entry. Read again when the manifest was modified."""
    return _parse(read_metadata_file(manifest), str(manifest))


def _parse(content: bytes, source: str) -> dict[str, Entry]:
    """Return name of a file, relative to the product -> its entry."""
    try:
        return dict(filter(None, map(_entry, parse_xml(content).iterfind(".//{*}byteStream"))))
    except ValueError as error:
        logger.warning("%s cannot be read (%s); the files of the product are not compared with it", source, error)
        return {}


def _entry(stream: ElementTree.Element) -> tuple[str, Entry] | None:
    """Return name and entry of a file; None if the manifest gives no checksum for it."""
    location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
    if location is None or checksum is None or not checksum.text:
        return None
    name = PurePosixPath(location.get("href", "").replace("\\", "/")).as_posix()  # without `./`
    return name, Entry(int(stream.get("size", "")), checksum.get("checksumName", ""), checksum.text.strip().lower())
