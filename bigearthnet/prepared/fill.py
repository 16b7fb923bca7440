"""Read patches and write them to their places; the long part of `bigearthnet-prepare`. No TensorFlow, no HDF5."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bigearthnet.archive.folders import PatchFacts, read_facts, read_partner
from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.prepared.slots import Slots
from common.errors import ProductError
from common.files.atomic import cannot_write

FACTS_PER_BLOCK = 1000
PATCHES_PER_BLOCK = 64  # 10 MB
PATCHES_AT_ONCE = 8  # written together, which halves the work of the system; a run that is interrupted loses so many


@dataclass(frozen=True)
class FillBlock:
    """Patches for one process to copy.

    Attributes:
        slots: where images are written to.
        superres_groups: groups that come from the GeoTIFFs at 10 m.
        patches: row of the file and folders of each.
    """

    slots: Slots
    superres_groups: tuple[str, ...]
    patches: Sequence[tuple[int, PatchFolders]]


def fill_block(block: FillBlock) -> list[tuple[str, str]]:
    """Copy patches to their places, those left out that an earlier run copied.

    Returns:
        Name and reason of each that could not be read.

    Raises:
        OutputError: the disk is full.
    """
    unreadable = []
    try:
        file = os.open(block.slots.path, os.O_RDWR)
        try:
            missing = [(row, patch) for row, patch in block.patches if not block.slots.holds(file, row)]
            for patches in in_blocks(missing, PATCHES_AT_ONCE):
                unreadable += copy_patches(file, block, patches)
        finally:
            os.close(file)
    except OSError as error:
        raise cannot_write(block.slots.path, error) from error
    return unreadable


def copy_patches(file: int, block: FillBlock, patches: Sequence[tuple[int, PatchFolders]]) -> list[tuple[str, str]]:
    """Read a few patches, and write those of successive rows together; name and reason of what could not be read."""
    unreadable, rows = [], []
    images = block.slots.empty(len(patches))
    for row, patch in patches:
        try:
            read_images(patch, block.superres_groups, {name: array[len(rows)] for name, array in images.items()})
        except ProductError as error:
            unreadable.append((patch.name, str(error)))
        else:
            rows.append(row)
    ends = [number for number in range(1, len(rows) + 1) if number == len(rows) or rows[number] != rows[number - 1] + 1]
    for start, end in zip([0, *ends], ends, strict=False):
        block.slots.write(file, rows[start], {name: array[start:end] for name, array in images.items()})
    return unreadable


def read_facts_block(patches: Sequence[tuple[str, str]]) -> list[tuple[str, PatchFacts | None, str]]:
    """Name, facts and reason (where there are none) of patches given by name and folder."""
    return [(name, *read_or_reason(read_facts, name, folder)) for name, folder in patches]


def read_partner_block(patches: Sequence[tuple[str, str]]) -> list[tuple[str, str | None, str]]:
    """Name, Sentinel-2 partner and reason (where there is none) of Sentinel-1 patches given by name and folder."""
    return [(name, *read_or_reason(read_partner, name, folder)) for name, folder in patches]


def read_or_reason(read: Callable, name: str, folder: str) -> tuple:
    """What `read` gives and an empty reason, or None and why not."""
    try:
        return read(name, folder), ""
    except ProductError as error:
        return None, str(error)


def in_blocks(items: Sequence, size: int) -> list:
    """Cut into pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
