"""Checksums that came with a file: the CRC-32 in the directory of its zip, or the checksum in its product's manifest.safe.

Files without a checksum are searched for gaps of zeros (`jpeg2000_gaps.py`).

Decoders of JPEG 2000 decode most damaged files without an error. GDAL compares no CRC-32 of files that a zip stores
uncompressed, as the zips of products do.
"""

import hashlib
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from common.errors import ProductError
from common.files.archives import open_archive
from common.files.gdal_paths import find_place
from common.files.jpeg2000_gaps import require_no_gap
from common.files.manifest import MANIFEST, Entry, find_entry, find_tar_entry
from common.files.read_errors import describe_refusal

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 4 * 2**20
_THREADS = 4  # a disk gives no more bytes to more of them
_CRC32 = "CRC-32"
_HASHES: dict[str, Callable] = {"MD5": hashlib.md5, "SHA3-256": hashlib.sha3_256, "SHA-256": hashlib.sha256}

_checked: set[str] = set()  # paths whose files this process, or another rank, has compared
_told: set[str] = set()  # names of scenes whose manifest is older than their files


class KnownFile(NamedTuple):
    """A file whose checksum is known.

    Attributes:
        file: on the disk: the file itself, or the zip or tar that holds it.
        member: name in the zip or tar; empty for a file of its own.
        size: bytes.
        entry: the checksum, and the size of the file for which it was made.
    """

    file: Path
    member: str
    size: int
    entry: Entry

    @property
    def was_replaced(self) -> bool:
        """Whether the file has another size, so that the checksum is that of another file."""
        return self.size != self.entry.size


def known_files(path: str) -> tuple[KnownFile, ...]:
    """Return the files behind a path that GDAL opens, with the checksums that came with them.

    One file for an image, many for a Zarr array in a zip, none if no checksum is known.

    Raises:
        OSError: the file cannot be read.
        ProductError: the zip, the tar or the manifest cannot be read.
    """
    place = find_place(path)
    if place is None:
        return ()
    if place.member:
        entries = _zip_directory(place.file, place.file.stat().st_mtime_ns)
        inside = [name for name in entries if f"{name}/".startswith(f"{place.member}/")]
        return tuple(KnownFile(place.file, name, entries[name].size, entries[name]) for name in inside)
    if place.offset is not None:
        in_tar = find_tar_entry(place.file, place.offset)
        known = KnownFile(place.file, *in_tar) if in_tar else None
    else:
        entry = find_entry(place.file)
        known = KnownFile(place.file, "", place.file.stat().st_size, entry) if entry else None
    return (known,) if known and known.entry.algorithm in _HASHES else ()


def require_intact(name: str, paths: Sequence[str], rank: int = 0, size: int = 1) -> None:
    """Compare files with the checksums that came with them. Each file is compared once in a process.

    A file of another size than in the manifest was replaced after ESA wrote the manifest, as in products that somebody
    has cut. This is logged, because not all damage in such a file can be found.

    Args:
        name: of the scene, for the log.
        paths: that GDAL opens.
        rank: of the ranks that read the same files: each compares some of them.
        size: number of these ranks. All of them must stop if one of them raises.

    Raises:
        ProductError: a file is damaged or cannot be read.
    """
    own_paths = paths[rank::size]  # chosen before the next line: each rank may have compared other files before
    unchecked = [path for path in own_paths if path not in _checked]
    with ThreadPoolExecutor(_THREADS) as threads:
        were_replaced = list(threads.map(_check_path, unchecked))
    _checked.update(paths)
    if any(were_replaced) and name not in _told:
        _told.add(name)
        logger.warning(
            "%s: image files have other sizes than %s gives, so they were changed after it was written; of damage in them, "
            "only gaps of zeros can be found",
            name,
            MANIFEST,
        )


def _check_path(path: str) -> bool:
    """Raise ProductError if a file behind a path is damaged; return whether the file was replaced."""
    try:
        files = known_files(path)
        was_replaced = any(file.was_replaced for file in files)
        place = find_place(path)
        if place and not place.member and (was_replaced or not files):
            require_no_gap(path, place.file, place.offset or 0, place.size)
        if was_replaced:
            return True
        for file, content in _open_all(files):
            _check_content(file, content)
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # RuntimeError: encrypted
        reason = describe_refusal(error) or f"is damaged ({_reason(path, error)}); download it again"
        raise ProductError(f"{path} {reason}.") from error
    return False


def _reason(path: str, error: Exception) -> str:
    """Return the text of an error; without the name in it if it is that of the file itself."""
    place = find_place(path)
    return str(error).replace(f" for file {place.member!r}", "") if place else str(error)


def _open_all(files: Iterable[KnownFile]) -> Iterator[tuple[KnownFile, IO[bytes]]]:
    """Yield files, opened one after the other; all are in one archive, or none."""
    with ExitStack() as stack:
        archive = None
        for file in files:
            if file.member:
                archive = archive or stack.enter_context(open_archive(file.file))
            with archive.open_member(archive.members[file.member]) if archive else file.file.open("rb") as content:
                yield file, content


def _check_content(file: KnownFile, content: IO[bytes]) -> None:
    """Raise ProductError if the content has another checksum; zipfile raises BadZipFile for a wrong CRC-32."""
    _, algorithm, expected = file.entry
    digest = _HASHES[algorithm](usedforsecurity=False) if algorithm in _HASHES else None
    while block := content.read(_BLOCK_BYTES):
        if digest:
            digest.update(block)
    if digest and digest.hexdigest() != expected:
        name, unpack = (f"{file.member} of {file.file}", "unpack it and ") if file.member else (file.file, "")
        raise ProductError(
            f"{name} has the {algorithm} {digest.hexdigest()}, but {MANIFEST} gives {expected}: it is damaged, or was "
            f"changed; download it again, or {unpack}move {MANIFEST} away to read it as it is."
        )


@lru_cache(maxsize=4)
def _zip_directory(path: Path, _modified: int) -> dict[str, Entry]:
    """Return name in a zip -> size and CRC-32. Read again when the zip was modified."""
    with open_archive(path) as archive:
        return {name: Entry(item.file_size, _CRC32, f"{item.CRC:08x}") for name, item in archive.members.items()}
