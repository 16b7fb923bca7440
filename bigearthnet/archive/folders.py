"""The folders of a BigEarthNet archive: patches, their JSON files, their Sentinel-1 partners. No pixels.

Version 1 has all patches side by side; version 2 sorts them into folders of products. In the archive, and in the
official lists, some times lack their leading zero (`S2B_MSIL2A_20170924T93020_69_24`); names are used unchanged.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError
from common.files.limits import open_at_once, parse_json
from common.files.read_errors import describe_failed_read, describe_missing, describe_no_folder

S2_NAME = re.compile(r"S2[A-D]_MSIL2A_\d{8}T\d{5,6}(_N\d{4}_R\d{3}_(?P<tile>T\d{2}[A-Z]{3}))?_\d+_\d+")
S1_NAME = re.compile(r"S1[A-D]_IW_GRDH_1SD[VH]_\d{8}T\d{5,6}_\d{2}[A-Z]{3}_\d+_\d+")
REGION_M = 100_000  # side of a region
UNPACK_AGAIN = "unpack the archive again"
_S2_EXAMPLE = "S2A_MSIL2A_20170617T113321_48_5"
_S1_EXAMPLE = "S1A_IW_GRDH_1SDV_20170617T064659_29UPU_48_5"
_MAX_DEPTH = 3  # levels of folders that are searched for patches
_REFERENCE_MAPS = "Reference_Maps"  # of version 2: its folders have the names of patches
_READ_BYTES = 1 << 16  # more than one band holds
_MAX_BYTES = 1 << 20  # of a file of a patch; a band holds 0.06 MB
_UTM_ZONE = re.compile(r"UTM zone (\d{1,2}[NS])")


@dataclass(frozen=True)
class PatchFacts:
    """The facts about a patch that its metadata hold.

    Attributes:
        labels: its classes, as the archive names them.
        region: a square of 100 km, or a tile in version 2. A split by region puts a region into one split.
    """

    labels: tuple[str, ...]
    region: str


def find_patches(root: Path | str, name_pattern: re.Pattern) -> dict[str, str]:
    """Return patch name -> its folder, sorted by name, searched at most three levels below `root`.

    Args:
        root: folder of the archive.
        name_pattern: `S2_NAME` or `S1_NAME`.

    Raises:
        ProductNotFoundError: `root` is no folder, or holds no patch.
        ProductError: a patch exists twice, or a folder cannot be read.
    """
    if not Path(root).is_dir():
        raise ProductNotFoundError(f"{root} {describe_no_folder(root)}; give the folder that holds the patch folders.")
    folders: dict[str, str] = {}
    for name, path in walk_folders(str(Path(root)), name_pattern, _MAX_DEPTH):
        if name in folders:
            raise ProductError(f"{name} exists twice, as {folders[name]} and {path}; move one of them out of {root}.")
        folders[name] = path
    if not folders:
        example = _S2_EXAMPLE if name_pattern is S2_NAME else _S1_EXAMPLE
        raise ProductNotFoundError(f"{root} holds no patch folder such as {example}; give the unpacked archive.")
    return dict(sorted(folders.items()))


def holds_patches(path: Path | str) -> bool:
    """Return whether a folder holds Sentinel-2 patches, at most three levels below it."""
    return any(walk_folders(str(Path(path)), S2_NAME, _MAX_DEPTH))


def walk_folders(folder: str, name_pattern: re.Pattern, depth: int) -> Iterator[tuple[str, str]]:
    """Yield name and path of the folders whose name matches, down to a depth; matching folders are not entered."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise ProductError(f"{folder} {describe_failed_read(error)}.") from error
    for entry in entries:
        if name_pattern.fullmatch(entry.name):
            yield entry.name, entry.path
        elif depth > 1 and entry.name != _REFERENCE_MAPS:
            yield from walk_folders(entry.path, name_pattern, depth - 1)


def read_facts(name: str, folder: str) -> PatchFacts:
    """Read labels and region of a Sentinel-2 patch of version 1 from its JSON file.

    Raises:
        ProductError: the file is missing or damaged, or lacks labels or coordinates.
    """
    metadata = read_json(name, folder)
    labels = metadata.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ProductError(f"{json_path(name, folder)} has no list of labels; {UNPACK_AGAIN}.")
    return PatchFacts(tuple(labels), region_of(metadata, json_path(name, folder)))


def region_of(metadata: Mapping, path: str) -> str:
    """Return UTM zone and 100 km square of the upper-left corner of a patch, such as `35N 5 67`.

    Args:
        metadata: content of the patch's JSON file.
        path: of that file, for the message.

    Raises:
        ProductError: the metadata lack coordinates or the zone.
    """
    zone = _UTM_ZONE.search(str(metadata.get("projection")))
    corner = metadata.get("coordinates")
    try:
        return f"{zone[1]} {int(corner['ulx'] // REGION_M)} {int(corner['uly'] // REGION_M)}"
    except (TypeError, KeyError, ValueError, OverflowError) as error:  # the last two: a coordinate is not finite
        raise ProductError(
            f"{path} lacks coordinates ulx and uly, or a UTM zone as projection; {UNPACK_AGAIN}."
        ) from error


def read_partner(name: str, folder: str) -> str:
    """Read from the JSON file of a Sentinel-1 patch which Sentinel-2 patch it belongs to.

    Real files misspell other keys (`lly` for `lry`) or leave them out (`acquisition_time`), so only one key is read.

    Raises:
        ProductError: the file is missing or damaged, or does not name the Sentinel-2 patch.
    """
    partner = read_json(name, folder).get("corresponding_s2_patch")
    if not isinstance(partner, str):
        raise ProductError(f"{json_path(name, folder)} has no corresponding_s2_patch; {UNPACK_AGAIN}.")
    return partner


def json_path(name: str, folder: str) -> str:
    """Return the path of the JSON file of a patch of version 1."""
    return f"{folder}/{name}_labels_metadata.json"


def read_json(name: str, folder: str) -> dict:
    """Read the JSON file of a patch.

    Raises:
        ProductNotFoundError: it is missing.
        ProductError: it is damaged.
    """
    path = json_path(name, folder)
    content = read_file(path)
    try:
        metadata = parse_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ProductError(f"{path} is cut short or not a JSON file ({error}); {UNPACK_AGAIN}.") from error
    if not isinstance(metadata, dict):
        raise ProductError(f"{path} holds no JSON object; {UNPACK_AGAIN}.")
    return metadata


def read_file(path: str | Path) -> bytes:
    """Read all bytes of a small file, with as few system calls as possible.

    Raises:
        ProductNotFoundError: it is missing.
        ProductError: it cannot be read.
    """
    try:
        file = open_at_once(os.fspath(path), os.O_RDONLY)
        try:
            content = part = os.read(file, _READ_BYTES)
            while len(part) == _READ_BYTES and len(content) <= _MAX_BYTES:
                part = os.read(file, _READ_BYTES)
                content += part
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise ProductNotFoundError(f"{path} {describe_missing(path, 'is missing')}; {UNPACK_AGAIN}.") from error
    except OSError as error:
        raise ProductError(f"{path} {describe_failed_read(error, UNPACK_AGAIN)}.") from error
    if len(content) > _MAX_BYTES:
        raise ProductError(f"{path} is larger than {_MAX_BYTES // 2**20} MiB; {UNPACK_AGAIN}.")
    return content
