"""The files that patches were cut from, recorded in the patch file, so that patches of changed files are not used again.

A file is the same if its checksum is: the CRC-32 in a zip, or the checksum in `manifest.safe`. Without a checksum, its size
and the time of its last change must be the same. A copy of a product counts as changed then, unless the copy has kept the
times (`cp -p`, `rsync -t`). The path never counts, but the address of a remote file does.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.errors import ProductError
from common.files.checksums import KnownFile, known_files
from common.files.gdal_paths import Place, find_place
from common.files.limits import parse_json
from common.files.read_errors import describe_refusal
from common.scenes.scene import Scene


class Source(NamedTuple):
    """What is known of the file of a band, or of the chunks of a band.

    Attributes:
        size: bytes.
        modified: time of the last change, seconds since 1970.
        checksum: with its algorithm; empty if none came with the file.
        address: of a remote file without its query; empty for a local one.
    """

    size: int
    modified: int
    checksum: str = ""
    address: str = ""


def record_sources(scene: Scene, bands: Sequence[str]) -> str:
    """Return the files of bands as JSON, for `changed_bands`. Reads no pixels and nothing over the network.

    Raises:
        ProductError: a file is missing or cannot be read.
    """
    return json.dumps({band: _source(scene, scene.band_paths[band]) for band in bands})


def changed_bands(recorded: str, current: str) -> list[str]:
    """Return the bands whose files are others now than those recorded.

    Args:
        recorded: from `record_sources`, when patches were cut; a damaged record counts as other files.
        current: from `record_sources`, now.
    """
    now = _parse(current)
    try:
        before = _parse(recorded)
    except (ValueError, TypeError, AttributeError):  # the record is damaged
        before = {}
    return [band for band, source in now.items() if band not in before or not _is_same(before[band], source)]


def _parse(record: str) -> dict[str, Source]:
    """Return band -> source, from `record_sources`."""
    return {band: Source(*source) for band, source in parse_json(record).items()}


def _is_same(before: Source, now: Source) -> bool:
    if before.checksum and now.checksum:
        return before.checksum == now.checksum
    return before._replace(checksum="") == now._replace(checksum="")


def _source(scene: Scene, path: str) -> Source:
    try:
        place = find_place(path)
        if place is None:  # the metadata of a remote file stand in for it, such as a STAC item
            return _file_source([scene.path] if scene.path.exists() else [])._replace(address=path.partition("?")[0])
        files = known_files(path)
        checksum = "" if any(file.was_replaced for file in files) else _join_checksums(files, place)
        if place.member or not place.file.is_dir():
            return _file_source([place.file])._replace(checksum=checksum)
        return _file_source([file for file in place.file.rglob("*") if file.is_file()])
    except OSError as error:
        raise ProductError(f"{path} {describe_refusal(error) or 'does not exist'}.") from error


def _file_source(files: Sequence[Path]) -> Source:
    """Return the size of all files together, and the time of the last change to any of them."""
    states = [file.stat() for file in files]
    return Source(sum(state.st_size for state in states), max((int(state.st_mtime) for state in states), default=0))


def _join_checksums(files: Sequence[KnownFile], place: Place) -> str:
    """Return one checksum for all files of a band; the names of chunks count, but not that of the product folder."""
    if not files:
        return ""
    lines = [f"{file.member.removeprefix(place.member)} {file.entry.digest}" for file in files]
    joined = files[0].entry.digest if len(files) == 1 else hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f"{files[0].entry.algorithm} {joined}"
