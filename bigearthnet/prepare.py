"""Bring the patch folders of a BigEarthNet archive into one HDF5 file, on one or many ranks.

    bigearthnet-prepare --root BigEarthNet-v1.0 --s1-root BigEarthNet-S1-v1.0 --output data.h5

The file is filled as `<output>.part` and gets its final name when it is complete. The same command continues an
interrupted run. Patches that cannot be read are listed in `<output without ending>-unreadable.txt`.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import common.distributed as hvd
from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.splits import count_splits
from bigearthnet.prepared.fill import PATCHES_PER_BLOCK, FillBlock, fill_block
from bigearthnet.prepared.json_files import (
    FILES_PER_BLOCK,
    JsonContents,
    merge_contents,
    read_facts_block,
    read_partner_block,
)
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.plan import PreparationPlan, make_plan
from bigearthnet.prepared.selection import count_left_out, describe_left_out, select_patches, unreadable_error
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.workers import in_blocks, run_blocks
from bigearthnet.prepared.writer import create_file, find_slots, finish_file, is_prepared_file, read_fill_state
from common.errors import OutputError
from common.files.atomic import cannot_write, whole_file, write_text
from common.runs import cli
from common.runs.progress import progress

logger = logging.getLogger(__name__)

ALL_PATCHES = 590_326  # of the whole archive, version 1
WORTH_PROCESSES = 8  # blocks; one process finishes fewer blocks before others have started
WORTH_PROJECTING = 1000  # patches; with fewer, the start of processes takes most of the time
LOGGED_UNREADABLE = 10  # unreadable patches in the log; the file lists all


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = cli.new_parser(
        "Bring the patch folders of a BigEarthNet archive (version 1, or 2 with its metadata.parquet) into one HDF5 "
        "file. Needs no rank count: under mpirun it uses all ranks, without it one. An interrupted run continues.",
        "bigearthnet-prepare --root BigEarthNet-v1.0 --output data.h5",
    )
    parser.add_argument("--root", required=True, metavar="DIR", help="folder of the Sentinel-2 patches")
    parser.add_argument("--output", required=True, metavar="FILE", help="HDF5 file to make")
    parser.add_argument("--s1-root", metavar="DIR", help="folder of the Sentinel-1 patches, to store VV and VH too")
    splits = parser.add_mutually_exclusive_group()
    splits.add_argument(
        "--splits",
        metavar="DIR",
        help="folder with train.csv, val.csv and test.csv, one patch name a line (the official lists)",
    )
    splits.add_argument(
        "--split-by-region",
        type=int,
        metavar="SEED",
        help="draw random splits by region: each square of 100 km (version 2: each tile) is in one split only",
    )
    parser.add_argument("--nomenclature", type=int, choices=(19, 43), default=19, help="number of classes (19)")
    parser.add_argument(
        "--keep-snow-cloud",
        action="store_true",
        help="keep patches with snow, clouds or shadow; they train, as the official lists lack them",
    )
    parser.add_argument(
        "--keep-unlabelled", action="store_true", help="keep patches without any class of the nomenclature (left out)"
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out and list patches that cannot be read (the first one ends the command)",
    )
    parser.add_argument(
        "--superres",
        metavar="DIR",
        help="folder of <patch>.tif with bands at 10 m from superres-predict, to store instead of the native bands",
    )
    parser.add_argument("--processes", type=int, metavar="N", help="processes that read, on each rank (its cores)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return cli.run_command(
        lambda options: prepare(read_options(options), cli.shows_progress(options.no_progress)), build_parser(), argv
    )


def read_options(options: argparse.Namespace) -> PreparationOptions:
    """Return the checked options; every rank must call it.

    Raises:
        SettingError: a number is out of range; on all ranks.
    """

    def path(text: str | None) -> Path | None:
        return Path(text) if text else None

    return hvd.on_rank_zero(
        lambda: PreparationOptions(
            root=Path(options.root),
            output=Path(options.output),
            s1_root=path(options.s1_root),
            splits=path(options.splits),
            split_by_region=options.split_by_region,
            nomenclature=options.nomenclature,
            keep_snow_cloud=options.keep_snow_cloud,
            keep_unlabelled=options.keep_unlabelled,
            skip_unreadable=options.skip_unreadable,
            superres=path(options.superres),
            processes=options.processes,
            overwrite=options.overwrite,
        )
    )


def prepare(options: PreparationOptions, show_bar: bool = False) -> None:
    """Choose patches, read their JSON files, then their images; all ranks share the reading."""
    started = time.monotonic()
    hvd.on_rank_zero(lambda: check_output(options.output, options.overwrite))
    selection = hvd.on_rank_zero(lambda: select_patches(options))
    facts = read_on_all_ranks(read_facts_block, {} if selection.facts else selection.folders, options.processes)
    partners = read_on_all_ranks(read_partner_block, selection.unlisted_s1, options.processes)
    plan = hvd.on_rank_zero(lambda: make_plan(options, selection, facts, partners))
    part = options.output.with_name(f"{options.output.name}.part")
    slots, missing_count = hvd.on_rank_zero(lambda: open_part_file(part, plan, options.overwrite))
    filling_started = time.monotonic()
    unreadable = fill(plan, slots, options, show_bar)
    hvd.on_rank_zero(lambda: finish(part, options.output, plan, unreadable))
    finished = time.monotonic()
    report_speed(missing_count, finished - filling_started, finished - started)


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
    if not output.parent.is_dir():
        raise OutputError(f"there is no folder {output.parent}; make it, or give another --output.")


def read_on_all_ranks(
    read_block: Callable[[Sequence[tuple[str, str]]], JsonContents], folders: Mapping[str, str], processes: int | None
) -> JsonContents:
    """Read the JSON files of patches; each rank reads its share and receives the contents of all.

    Args:
        read_block: reads the files of several patches.
        folders: patch -> its folder.
        processes: processes of each rank; None for its cores.
    """
    own_patches = list(folders.items())[hvd.rank() :: hvd.size()]
    blocks = in_blocks(own_patches, FILES_PER_BLOCK)
    own_contents = merge_contents(run_blocks(read_block, blocks, process_count(processes, len(blocks))))
    return merge_contents(hvd.allgather_object(own_contents))


def process_count(processes: int | None, blocks: int) -> int:
    """Return the number of processes for some blocks of work: one if the blocks are few."""
    return (processes or hvd.cores_per_rank()) if blocks >= WORTH_PROCESSES else 1


class PartFile(NamedTuple):
    """A file to fill.

    Attributes:
        slots: the positions of its arrays.
        missing_count: number of patches that are still to be read.
    """

    slots: Slots
    missing_count: int


def open_part_file(part: Path, plan: PreparationPlan, overwrite: bool) -> PartFile:
    """Make the file to fill, or find the one of an interrupted run. Call on rank 0.

    Raises:
        OutputError: the file was begun with another plan, or cannot be written.
    """
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
        if state.plan == digest:
            done_count = int(state.done.sum())
            logger.info("%s is continued: %d of %d patches are there", part, done_count, len(plan.patches))
            return PartFile(find_slots(part), len(plan.patches) - done_count)
        if not overwrite:
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


def fill(plan: PreparationPlan, slots: Slots, options: PreparationOptions, show_bar: bool) -> dict[str, str]:
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
    with progress(sum(len(block.patches) for block in blocks), "patches of this rank", "reading", show_bar) as advance:
        for filled in filled_blocks:
            advance(filled.patch_count)
            unreadable |= filled.unreadable
            if unreadable and not options.skip_unreadable:
                raise unreadable_error(unreadable)
    return {name: reason for reasons in hvd.allgather_object(unreadable) for name, reason in reasons.items()}


def finish(part: Path, output: Path, plan: PreparationPlan, unreadable: dict[str, str]) -> None:
    """Give the file its final name, and list the patches that could not be read. Call on rank 0.

    Raises:
        ProductError: no patch could be read.
        OutputError: the disk is full.
    """
    if len(unreadable) == len(plan.patches):
        raise unreadable_error(unreadable)
    all_unreadable = {**plan.unreadable, **unreadable}
    left_out = count_left_out(plan.left_out, all_unreadable)
    finish_file(part, left_out)
    try:
        part.replace(output)
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


if __name__ == "__main__":
    sys.exit(main())
