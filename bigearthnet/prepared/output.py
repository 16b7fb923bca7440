"""The output of `bigearthnet-prepare`: checked, begun as `<output>.part`, completed, reported."""

import logging
import sys
from pathlib import Path
from typing import NamedTuple

from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.splits import count_splits
from bigearthnet.prepared.plan import PreparationPlan
from bigearthnet.prepared.selection import count_left_out, describe_left_out, unreadable_error
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.writer import create_file, find_slots, finish_file, is_prepared_file, read_fill_state
from common.errors import OutputError
from common.files.atomic import cannot_write, move_into_place, require_folder_of, whole_file, write_text
from common.runs.locks.lock import Lock, require_held

logger = logging.getLogger(__name__)

ALL_PATCHES = 590_326  # of the whole archive, version 1
WORTH_PROJECTING = 1000  # patches; with fewer, the start of processes takes most of the time
LOGGED_UNREADABLE = 10  # unreadable patches in the log; the file lists all


class PartFile(NamedTuple):
    """A file to fill.

    Attributes:
        slots: the positions of its arrays.
        missing_count: number of patches that are still to be read.
    """

    slots: Slots
    missing_count: int


def check_output(output: Path, overwrite: bool) -> None:
    """Raise OutputError if the output exists and may not be replaced, or has no folder. Call on rank 0."""
    if output.is_dir():
        raise OutputError(f"{output} is a folder; --output needs the name of a file.")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; give another --output, or replace it with --overwrite.")
    if output.exists() and not is_prepared_file(output):
        raise OutputError(
            f"{output} is not a file of bigearthnet-prepare, and --overwrite replaces no other files; "
            f"give another --output."
        )
    require_folder_of(output)


def part_path(output: Path) -> Path:
    """Return the name of the output until it is complete."""
    return output.with_name(f"{output.name}.part")


def output_lock(output: Path) -> Lock:
    """Return the lock of the output. One job at a time may fill it."""
    return Lock(output.with_name(f"{output.name}.lock"), output, "--output")


def open_part_file(output: Path, plan: PreparationPlan, overwrite: bool) -> PartFile:
    """Make the file to fill, or find the one of an interrupted run. Call on rank 0.

    Raises:
        OutputError: the file was begun with another plan, or cannot be written.
    """
    part = part_path(output)
    logger.info(
        "%d patches (%s), %d classes%s; %s",
        len(plan.patches),
        count_splits(plan.splits),
        len(plan.class_names),
        ", with Sentinel-1" if plan.has_s1 else "",
        describe_left_out(count_left_out(plan.left_out, plan.unreadable)),
    )
    digest = plan.digest()
    if part.exists():
        state = read_fill_state(part)
        if state.plan == digest and state.is_older:
            logger.info("%s was begun by an earlier version of this program; it is begun again", part)
        elif state.plan == digest:
            done_count = int(state.done.sum())
            logger.info("%s is continued: %d of %d patches are there", part, done_count, len(plan.patches))
            return PartFile(find_slots(part), len(plan.patches) - done_count)
        elif not overwrite:
            raise OutputError(
                f"{part} was begun with other patches or options; give the options that it was begun with, "
                f"or another --output, or replace it with --overwrite."
            )
    attributes = {
        "command": " ".join(sys.argv),
        "plan": digest,
        "superres": ",".join(plan.superres_groups),
        "nomenclature": len(plan.class_names),
    }
    shapes = group_shapes(plan.has_s1, plan.superres_groups)
    with whole_file(part) as temporary:
        create_file(temporary, shapes, plan.labels, plan.class_names, plan.names, plan.splits, attributes)
    return PartFile(find_slots(part), len(plan.patches))


def complete_output(output: Path, plan: PreparationPlan, unreadable: dict[str, str]) -> None:
    """Give the file its final name, and list the patches that could not be read. Call on rank 0.

    Raises:
        ProductError: no patch could be read.
        OutputError: the disk is full.
        InUseError: another job has taken the output over.
    """
    require_held(output_lock(output))
    if len(unreadable) == len(plan.patches):
        raise unreadable_error(unreadable)
    all_unreadable = {**plan.unreadable, **unreadable}
    left_out = count_left_out(plan.left_out, all_unreadable)
    part = part_path(output)
    finish_file(part, left_out)
    try:
        move_into_place(part, output)
    except OSError as error:
        raise cannot_write(output, error) from error
    write_unreadable(output.with_name(f"{output.stem}-unreadable.txt"), all_unreadable)
    print(f"{output}: {len(plan.patches) - len(unreadable):,} patches, {describe_left_out(left_out)}")


def write_unreadable(path: Path, reasons: dict[str, str]) -> None:
    """List the patches that could not be read, in a file, and the first of them in the log."""
    path.unlink(missing_ok=True)
    if not reasons:
        return
    lines = [f"{name}: {reasons[name]}" for name in sorted(reasons)]
    write_text(path, "".join(f"{line}\n" for line in lines))
    for line in lines[:LOGGED_UNREADABLE]:
        logger.warning("left out: %s", line)
    logger.warning("%d patches could not be read; %s lists them", len(lines), path)


def report_speed(patches: int, fill_seconds: float, total_seconds: float) -> None:
    """Log the rate at which patches were read and, for many patches, the time for the whole archive at this rate."""
    rate = patches / max(fill_seconds, 1e-9)
    logger.info("read %d patches in %.1f s, %.0f patches/s (%.1f s in all)", patches, fill_seconds, rate, total_seconds)
    if patches >= WORTH_PROJECTING:
        hours = ALL_PATCHES / rate / 3600
        logger.info("the %d patches of the whole archive take %.1f h at this rate", ALL_PATCHES, hours)
