"""Bring the patch folders of a BigEarthNet archive into one HDF5 file, on one or many ranks.

    bigearthnet-prepare --root BigEarthNet-v1.0 --s1-root BigEarthNet-S1-v1.0 --output data.h5

The file is filled as `<output>.part` and gets its name when it is whole; the same command continues one that was
interrupted. What could not be read is listed in `<output without ending>-unreadable.txt`.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import common.distributed as hvd
from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.splits import count_splits
from bigearthnet.prepared.fill import (
    FACTS_PER_BLOCK,
    PATCHES_PER_BLOCK,
    FillBlock,
    fill_block,
    in_blocks,
    read_facts_block,
    read_partner_block,
)
from bigearthnet.prepared.plan import PreparationPlan, make_plan
from bigearthnet.prepared.selection import UNREADABLE, describe_left_out, select_patches, unreadable_error
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.workers import run_blocks
from bigearthnet.prepared.writer import create_file, find_slots, finish_file, is_ours, read_plan
from common.errors import OutputError, SettingError
from common.files.atomic import cannot_write, whole_file, write_text
from common.runs import cli
from common.runs.progress import progress

logger = logging.getLogger(__name__)

ALL_PATCHES = 590_326  # of the whole archive, version 1
WORTH_PROCESSES = 8  # blocks; fewer are done before a process has started
WORTH_TELLING = 1000  # patches; of fewer, the start of processes takes most of the time
LISTED = 10  # unreadable patches in the log; the file names all


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
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
        help="folder with train.csv, val.csv and test.csv, a patch name a line (the official lists)",
    )
    splits.add_argument(
        "--split-by-region",
        type=int,
        metavar="SEED",
        help="draw the splits at random, whole squares of 100 km (version 2: tiles) on one side",
    )
    parser.add_argument("--nomenclature", type=int, choices=(19, 43), default=19, help="number of classes (19)")
    parser.add_argument(
        "--keep-snow-cloud",
        action="store_true",
        help="keep patches with snow, clouds or shadow; as the official lists lack them, they train",
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
        help="folder of <patch>.tif, bands brought to 10 m by superres-predict, to store for native",
    )
    parser.add_argument("--processes", type=int, metavar="N", help="processes of each rank that read (its cores)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(prepare, build_parser(), argv)


def prepare(options: argparse.Namespace) -> None:
    """Choose patches, read their facts, then their images; all ranks share the reading."""
    started = time.monotonic()
    output = Path(options.output)
    show_bar = cli.shows_progress(options.no_progress)
    hvd.on_rank_zero(lambda: check_options(options, output))
    selection = hvd.on_rank_zero(lambda: select_patches(options))
    facts = [] if selection.facts else read_on_all_ranks(read_facts_block, selection.folders, options)
    partners = read_on_all_ranks(read_partner_block, selection.unlisted_s1, options)
    plan = hvd.on_rank_zero(lambda: make_plan(options, selection, facts, partners))
    part = output.with_name(f"{output.name}.part")
    slots, missing = hvd.on_rank_zero(lambda: begin(part, plan, options.overwrite))
    filling = time.monotonic()
    unreadable = fill(plan, slots, options, show_bar)
    if hvd.on_rank_zero(lambda: finish(part, output, plan, unreadable)):
        report_speed(missing, time.monotonic() - filling, time.monotonic() - started)


def check_options(options: argparse.Namespace, output: Path) -> None:
    """Check what can be checked before any work. Called on rank 0.

    Raises:
        SettingError, OutputError: as the messages say.
    """
    if options.processes is not None and options.processes < 1:
        raise SettingError(f"--processes must be at least 1; got {options.processes}.")
    if options.split_by_region is not None and options.split_by_region < 0:
        raise SettingError(f"--split-by-region must be at least 0; got {options.split_by_region}.")
    if output.is_dir():
        raise OutputError(f"{output} is a folder; --output needs the name of a file.")
    if output.exists() and not options.overwrite:
        raise OutputError(f"{output} exists; give another --output, or replace it with --overwrite.")
    if output.exists() and not is_ours(output):
        raise OutputError(
            f"{output} is no file of bigearthnet-prepare, --overwrite will not touch it; delete it first."
        )
    if not output.parent.is_dir():
        raise OutputError(f"there is no folder {output.parent}; make it, or give another --output.")


def read_on_all_ranks(read_block: Callable, folders: dict[str, str], options: argparse.Namespace) -> list:
    """What JSON files say, on all ranks in the order of `folders`; each rank reads its share."""
    mine = list(folders.items())[hvd.rank() :: hvd.size()]
    blocks = in_blocks(mine, FACTS_PER_BLOCK)
    found = [item for block in run_blocks(read_block, blocks, processes(options, len(blocks))) for item in block]
    return hvd.gather_in_order({item[0]: [item] for item in found})


def processes(options: argparse.Namespace, blocks: int) -> int:
    """Processes for so many blocks."""
    return (options.processes or hvd.cores_per_rank()) if blocks >= WORTH_PROCESSES else 1


def begin(part: Path, plan: PreparationPlan, overwrite: bool) -> tuple[Slots, int]:
    """Make the file to fill, or find out how far an interrupted run came. Called on rank 0.

    Returns:
        Where the images go, and how many patches are still to be read.

    Raises:
        OutputError: there is an interrupted run of something else, or no place to write.
    """
    logger.info(
        "%d patches (%s), %d classes%s; %s",
        len(plan.patches),
        count_splits(plan.splits),
        len(plan.class_names),
        ", with Sentinel-1" if plan.patches[0].s1 else "",
        describe_left_out(plan.left_out),
    )
    if part.exists() and not (overwrite and not continues(part, plan)):
        if not continues(part, plan):
            raise OutputError(
                f"{part} was begun with other patches or options; delete it, or replace it with --overwrite."
            )
        done = int(read_plan(part)[1].sum())
        logger.info("%s is continued: %d of %d patches are there", part, done, len(plan.patches))
        return find_slots(part), len(plan.patches) - done
    shapes = group_shapes(plan.patches[0].s1 is not None, plan.superres_groups)
    attributes = {
        "command": " ".join(sys.argv),
        "plan": plan.digest,
        "superres": ",".join(plan.superres_groups),
        "nomenclature": len(plan.class_names),
    }
    with whole_file(part) as temporary:
        create_file(temporary, shapes, plan.labels, plan.class_names, plan.names, plan.splits, attributes)
    return find_slots(part), len(plan.patches)


def continues(part: Path, plan: PreparationPlan) -> bool:
    """Was this file begun for the same plan?"""
    return read_plan(part)[0] == plan.digest


def fill(plan: PreparationPlan, slots: Slots, options: argparse.Namespace, show_bar: bool) -> dict[str, str]:
    """Read this rank's share of the patches.

    Returns:
        Patch -> reason, of all ranks, of those that could not be read.

    Raises:
        ProductError: the first of these, where `--skip-unreadable` is not given.
        OutputError: the disk is full.
    """
    mine = [
        FillBlock(slots, plan.superres_groups, block)
        for block in in_blocks(list(enumerate(plan.patches)), PATCHES_PER_BLOCK)
    ][hvd.rank() :: hvd.size()]
    unreadable: dict[str, str] = {}
    results = run_blocks(counted_fill_block, mine, processes(options, len(mine)))
    with progress(sum(len(block.patches) for block in mine), "patches of this rank", "reading", show_bar) as advance:
        for patch_count, failures in results:
            advance(patch_count)
            unreadable.update(failures)
            if unreadable and not options.skip_unreadable:
                raise unreadable_error(unreadable)
    return {name: reason for part in hvd.allgather_object(unreadable) for name, reason in part.items()}


def counted_fill_block(block: FillBlock) -> tuple[int, list[tuple[str, str]]]:
    """`fill_block`, and the number of patches it had to read."""
    return len(block.patches), fill_block(block)


def finish(part: Path, output: Path, plan: PreparationPlan, unreadable: dict[str, str]) -> bool:
    """Give the file its name, and list what could not be read. Called on rank 0; True.

    Raises:
        ProductError: nothing could be read.
        OutputError: the disk is full.
    """
    everything = {**plan.unreadable, **unreadable}
    if len(unreadable) == len(plan.patches):
        raise unreadable_error(unreadable)
    left_out = {**plan.left_out, UNREADABLE: len(everything)} if everything else dict(plan.left_out)
    finish_file(part, left_out)
    try:
        part.replace(output)
    except OSError as error:
        raise cannot_write(output, error) from error
    write_unreadable(output.with_name(f"{output.stem}-unreadable.txt"), everything)
    print(f"{output}: {len(plan.patches) - len(unreadable):,} patches, {describe_left_out(left_out)}")
    return True


def write_unreadable(path: Path, reasons: dict[str, str]) -> None:
    """List what could not be read, in a file and, the first of it, in the log."""
    path.unlink(missing_ok=True)
    if not reasons:
        return
    lines = [f"{name}: {reasons[name]}" for name in sorted(reasons)]
    write_text(path, "".join(f"{line}\n" for line in lines))
    for line in lines[:LISTED]:
        logger.warning("left out: %s", line)
    logger.warning("%d patches could not be read; %s lists them", len(lines), path)


def report_speed(patches: int, filling: float, altogether: float) -> None:
    """Log how fast patches were read, and where they were many, what that means for the whole archive."""
    rate = patches / max(filling, 1e-9)
    logger.info(
        "read %d patches in %.1f s, %.0f patches/s (%.1f s with lists and labels)", patches, filling, rate, altogether
    )
    if patches >= WORTH_TELLING:
        hours = ALL_PATCHES / rate / 3600
        logger.info("the %d patches of the whole archive take %.1f h at this rate", ALL_PATCHES, hours)


if __name__ == "__main__":
    sys.exit(main())
