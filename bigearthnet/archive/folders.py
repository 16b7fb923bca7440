"""What lies in the folders of a BigEarthNet archive: patches, their JSON files, their Sentinel-1 partners. No pixels.

Version 1 has all patches side by side; version 2 sorts them into folders of products. Names are taken as they are: in
the archive some times lack a leading zero (`S2B_MSIL2A_20170924T93020_69_24`), in the official lists as well.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError

S2_NAME = re.compile(r"S2[A-D]_MSIL2A_\d{8}T\d{5,6}(_N\d{4}_R\d{3}_(?P<tile>T\d{2}[A-Z]{3}))?_\d+_\d+")
S1_NAME = re.compile(r"S1[A-D]_IW_GRDH_1SD[VH]_\d{8}T\d{5,6}_\d{2}[A-Z]{3}_\d+_\d+")
REGION_M = 100_000  # side of a region
AGAIN = "unpack the archive again"
_S2_EXAMPLE = "S2A_MSIL2A_20170617T113321_48_5"
_S1_EXAMPLE = "S1A_IW_GRDH_1SDV_20170617T064659_29UPU_48_5"
_DEPTH = 3  # folders above the patches, at most
_READ = 1 << 16  # bytes; more than a band has
_ZONE = re.compile(r"UTM zone (\d{1,2}[NS])")


@dataclass(frozen=True)
class PatchFacts:
    """What is known of a patch besides its pixels.

    Attributes:
        labels: its classes, as the archive names them.
        region: what must not be on both sides of a split by region: a square of 100 km, or a tile in version 2.
    """

    labels: tuple[str, ...]
    region: str


def find_patches(root: Path | str, name: re.Pattern) -> dict[str, str]:
    """Patch name -> its folder, sorted by name; at most three folders below `root`.

    Raises:
        ProductNotFoundError: no such folder, or no patch in it.
        ProductError: a patch is there twice, or a folder cannot be read.
    """
    if not Path(root).is_dir():
        raise ProductNotFoundError(f"{root} is no folder; give the folder that holds the patch folders.")
    found: dict[str, str] = {}
    for entry_name, path in walk(str(Path(root)), name, _DEPTH):
        if entry_name in found:
            raise ProductError(f"{entry_name} is there twice, in {found[entry_name]} and {path}; take one away.")
        found[entry_name] = path
    if not found:
        example = _S2_EXAMPLE if name is S2_NAME else _S1_EXAMPLE
        raise ProductNotFoundError(f"{root} holds no patch folder such as {example}; give the unpacked archive.")
    return dict(sorted(found.items()))


def walk(folder: str, name: re.Pattern, depth: int) -> Iterator[tuple[str, str]]:
    """Name and path of the folders that match, whose own content is not looked at."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise ProductError(f"{folder} cannot be read ({error.strerror}); check its rights.") from error
    for entry in entries:
        if name.fullmatch(entry.name):
            yield entry.name, entry.path
        elif depth > 1:
            yield from walk(entry.path, name, depth - 1)


def read_facts(name: str, folder: str) -> PatchFacts:
    """Labels and region of a Sentinel-2 patch of version 1, from its JSON file.

    Raises:
        ProductError: the file is missing or damaged, or lacks labels or coordinates.
    """
    found = read_json(name, folder)
    labels = found.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ProductError(f"{json_path(name, folder)} has no list of labels; {AGAIN}.")
    return PatchFacts(tuple(labels), region_of(found, json_path(name, folder)))


def region_of(found: Mapping, path: str) -> str:
    """The 100 km square of its UTM zone in which the upper-left corner of a patch lies, such as `35N 5 67`."""
    zone = _ZONE.search(str(found.get("projection")))
    corner = found.get("coordinates")
    try:
        return f"{zone[1]} {int(corner['ulx'] // REGION_M)} {int(corner['uly'] // REGION_M)}"
    except (TypeError, KeyError, ValueError, OverflowError) as error:  # the last two: not finite
        raise ProductError(f"{path} lacks coordinates ulx and uly, or a UTM zone as projection; {AGAIN}.") from error


def read_partner(name: str, folder: str) -> str:
    """The Sentinel-2 patch that a Sentinel-1 patch belongs to, from its JSON file; nothing else of it is looked at.

    Real files misspell other keys (`lly` for `lry`) or leave them out (`acquisition_time`).

    Raises:
        ProductError: the file is missing, damaged, or does not say.
    """
    partner = read_json(name, folder).get("corresponding_s2_patch")
    if not isinstance(partner, str):
        raise ProductError(f"{json_path(name, folder)} has no corresponding_s2_patch; {AGAIN}.")
    return partner


def json_path(name: str, folder: str) -> str:
    """The JSON file of a patch of version 1."""
    return f"{folder}/{name}_labels_metadata.json"


def read_json(name: str, folder: str) -> dict:
    """Content of a patch's JSON file.

    Raises:
        ProductError: it is missing or damaged.
    """
    path = json_path(name, folder)
    try:
        found = json.loads(read_file(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ProductError(f"{path} is no JSON file, or is cut short ({error}); {AGAIN}.") from error
    if not isinstance(found, dict):
        raise ProductError(f"{path} holds no JSON object; {AGAIN}.")
    return found


def read_file(path: str | Path) -> bytes:
    """All bytes of a small file, with as few calls of the system as can be.

    Raises:
        ProductNotFoundError: it is missing.
        ProductError: it cannot be read.
    """
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            data = part = os.read(file, _READ)
            while len(part) == _READ:
                part = os.read(file, _READ)
                data += part
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise ProductNotFoundError(f"{path} is missing; {AGAIN}.") from error
    except OSError as error:
        raise ProductError(f"{path} cannot be read ({error.strerror}); check its rights.") from error
    return data
