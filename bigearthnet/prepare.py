"""Copy the patches of a BigEarthNet archive into one HDF5 file, on one or many ranks.

    bigearthnet-prepare --root BigEarthNet-v1.0 --s1-root BigEarthNet-S1-v1.0 --output data.h5

The file is filled as `<output>.part` and gets its final name when it is complete. The same command continues an
interrupted run. One job at a time fills a file. Patches that cannot be read are listed in
`<output without ending>-unreadable.txt`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from bigearthnet.prepared.options import PreparationOptions
from common.runs import cli


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Copy the patches of a BigEarthNet archive (version 1, or 2 with its metadata.parquet) into one HDF5 file. Under "
        "mpirun the ranks share the work. The same command continues an interrupted run.",
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
    """Run the command; return its exit code."""
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
    # NumPy and h5py take a while to import: not before the options are parsed.
    from bigearthnet.prepared.fill import fill_on_all_ranks
    from bigearthnet.prepared.json_files import read_facts_block, read_on_all_ranks, read_partner_block
    from bigearthnet.prepared.output import check_output, complete_output, open_part_file, output_lock, report_speed
    from bigearthnet.prepared.plan import make_plan
    from bigearthnet.prepared.selection import select_patches
    from common.runs.locks.lock import held_on_rank_zero

    started = time.monotonic()
    hvd.on_rank_zero(lambda: check_output(options.output, options.overwrite))
    with held_on_rank_zero(output_lock(options.output)):
        hvd.on_rank_zero(lambda: check_output(options.output, options.overwrite))  # another job may have made it
        selection = hvd.on_rank_zero(lambda: select_patches(options))
        facts = read_on_all_ranks(read_facts_block, {} if selection.facts else selection.folders, options.processes)
        partners = read_on_all_ranks(read_partner_block, selection.unlisted_s1, options.processes)
        plan = hvd.on_rank_zero(lambda: make_plan(options, selection, facts, partners))
        part = hvd.on_rank_zero(lambda: open_part_file(options.output, plan, options.overwrite))
        filling_started = time.monotonic()
        unreadable = fill_on_all_ranks(plan, part.slots, options, show_bar)
        hvd.on_rank_zero(lambda: complete_output(options.output, plan, unreadable))
    finished = time.monotonic()
    report_speed(part.missing_count, finished - filling_started, finished - started)


if __name__ == "__main__":
    sys.exit(main())
