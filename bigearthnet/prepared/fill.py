"""Read patches and write them to their slots, the longest step of `bigearthnet-prepare`. No TensorFlow, no HDF5."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import common.distributed as hvd
from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.plan import PreparationPlan
from bigearthnet.prepared.selection import unreadable_error
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.workers import in_blocks, process_count, run_blocks
from common.errors import ProductError
from common.files.atomic import cannot_write, sync
from common.runs.progress import progress

PATCHES_PER_BLOCK = 64  # 10 MB
PATCHES_AT_ONCE = 8  # written together: half the system time; an interrupted run reads these patches again


@dataclass(frozen=True)
class FillBlock:
    """Patches for one process to copy.

    Attributes:
        slots: the slots to write to.
        superres_groups: groups that come from the GeoTIFFs at 10 m.
        patches: row in the file, and folders, of each patch.
    """

    slots: Slots
    superres_groups: tuple[str, ...]
    patches: Sequence[tuple[int, PatchFolders]]


class FilledBlock(NamedTuple):
    """The result of copying a block.

    Attributes:
        patch_count: number of patches in the block.
        unreadable: patch -> reason.
    """

    patch_count: int
    unreadable: dict[str, str]


def fill_block(block: FillBlock) -> FilledBlock:
    """Copy patches to their slots, except for those that an earlier run has copied.

    Raises:
        OutputError: the disk is full, or another job has begun the file again.
    """
    unreadable: dict[str, str] = {}
    try:
        with block.slots.open() as file:
            missing = [(row, patch) for row, patch in block.patches if not block.slots.holds(file, row)]
            for patches in in_blocks(missing, PATCHES_AT_ONCE):
                unreadable |= copy_patches(file, block, patches)
    except OSError as error:
        raise cannot_write(block.slots.path, error) from error
    return FilledBlock(len(block.patches), unreadable)


def copy_patches(file: int, block: FillBlock, patches: Sequence[tuple[int, PatchFolders]]) -> dict[str, str]:
    """Copy a few patches to an open file descriptor; patches in successive rows are written together.

    Returns:
        Patch -> reason, of patches that could not be read.
    """
    unreadable, rows, images = {}, [], []
    for row, patch in patches:
        try:
            images.append(read_images(patch, block.superres_groups))
        except ProductError as error:
            unreadable[patch.name] = str(error)
        else:
            rows.append(row)
    for start, end in successive_runs(rows):
        block.slots.write(file, rows[start], images[start:end])
    return unreadable


def successive_runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return start and end of each run of rows that follow each other, as positions in the sequence."""
    starts = [index for index, row in enumerate(rows) if index == 0 or row != rows[index - 1] + 1]
    ends = [*starts[1:], len(rows)]
    return list(zip(starts, ends, strict=False))  # without rows there is an end, but no start


def fill_on_all_ranks(
    plan: PreparationPlan, slots: Slots, options: PreparationOptions, show_bar: bool
) -> dict[str, str]:
    """Copy this rank's share of the patches into the file.

    Returns:
        Patch -> reason, of all ranks, of patches that could not be read.

    Raises:
        ProductError: a patch cannot be read, and unreadable patches are not to be skipped.
        OutputError: the disk is full.
    """
    blocks = [
        FillBlock(slots, plan.superres_groups, patches)
        for patches in in_blocks(list(enumerate(plan.patches)), PATCHES_PER_BLOCK)
    ][hvd.rank() :: hvd.size()]
    unreadable: dict[str, str] = {}
    filled_blocks = run_blocks(fill_block, blocks, process_count(options.processes, len(blocks)))
    with progress(sum(len(block.patches) for block in blocks), "patches", "reading", show_bar) as advance:
        for filled in filled_blocks:
            advance(filled.patch_count)
            unreadable |= filled.unreadable
            if unreadable and not options.skip_unreadable:
                raise unreadable_error(unreadable)
    try:
        sync(slots.path)  # of this machine; the file is not complete before those of all machines are on the disk
    except OSError as error:
        raise cannot_write(slots.path, error) from error
    return {name: reason for reasons in hvd.allgather_object(unreadable) for name, reason in reasons.items()}
