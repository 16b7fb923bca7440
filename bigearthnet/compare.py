"""Train classifiers with everything equal but one thing, and compare their scores and costs in one table.

    python bigearthnet/compare.py --study bands --data data.h5 --output bands

Prepared file (or archive, see `bigearthnet/studies/inputs.py`) -> one run folder for each variant and seed -> scores on the
test patches -> `report.html`, `study.md`, `scores.csv`, `costs.csv`, `verdicts.csv`. All runs see the same patches and
take the same number of steps. Initial weights and the order of patches depend on the seed.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import common.distributed as hvd
from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.prepare import prepare
from bigearthnet.studies.catalogue import STUDIES, SUPERRES_INPUT
from bigearthnet.studies.options import LISTS, ComparisonOptions, InputOptions
from bigearthnet.train import train
from bigearthnet.training.config import BALANCED, LOSSES, SHUFFLED, BigEarthNetConfig
from common.runs import cli
from common.runs.opening import RunLocation
from common.studies.options import FIGURE, SCORES, TEXT, VERDICTS, add_study_options, read_study_options
from common.studies.variants import Variant

if TYPE_CHECKING:
    from bigearthnet.studies.scores import MeasuredRuns


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Train classifiers with everything equal but one thing, and compare them on the test patches. --study answers a question; "
        "without it, the lists of networks, band sets and so on say what to compare. The other settings are those of "
        "bigearthnet-train, and the same for all runs. Under mpirun all ranks train together.",
        "python bigearthnet/compare.py --study bands --data data.h5 --seeds 0 1 2 --output bands",
    )
    add_study_options(parser, STUDIES)
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="FILE",
        help="HDF5 files that bigearthnet/prepare.py wrote, of the same patches; each is compared. "
        f"For --study {SUPERRES_INPUT}: native bands, then bands at 10 m",
    )
    for name, values in (
        ("model", NETWORKS),
        ("bands", BAND_SETS),
        ("resampling", UPSAMPLINGS),
        ("loss", LOSSES),
        ("sampling", (SHUFFLED, BALANCED)),
    ):
        parser.add_argument(
            cli.option_name(LISTS[name]),
            nargs="+",
            choices=tuple(values),
            metavar="NAME",
            help=f"without --study: values of {cli.option_name(name)} to compare: {', '.join(values)}",
        )
    add_archive_options(parser)
    cli.add_config_options(parser, BigEarthNetConfig, leave_out=["data", "seed"])
    return parser


def add_archive_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an archive whose bands a study super-resolves and prepares itself."""
    group = parser.add_argument_group(f"--study {SUPERRES_INPUT}: the archive to prepare, instead of --data")
    group.add_argument("--root", metavar="DIR", help="folder of the Sentinel-2 patches")
    group.add_argument("--s1-root", metavar="DIR", help="folder of the Sentinel-1 patches")
    splits = group.add_mutually_exclusive_group()
    splits.add_argument("--splits", metavar="DIR", help="as that of bigearthnet-prepare")
    splits.add_argument("--split-by-region", type=int, metavar="SEED", help="as that of bigearthnet-prepare")
    group.add_argument("--nomenclature", type=int, choices=(19, 43), default=19, help="number of classes (19)")
    group.add_argument("--keep-snow-cloud", action="store_true", help="keep patches with snow, clouds or shadow")
    group.add_argument(
        "--superres-weights",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help="--weights of superres-predict, one for each GSD (dsen2-l1c-20m dsen2-l2a-60m)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: compare(read_options(options)), build_parser(), argv)


def read_options(options: argparse.Namespace) -> ComparisonOptions:
    """Return the checked options; every rank must call it.

    Raises:
        SettingError: options contradict each other; on all ranks.
    """
    lists = {name: tuple(dict.fromkeys(values)) for name in LISTS if (values := getattr(options, LISTS[name]))}
    inputs = InputOptions(
        data=tuple(dict.fromkeys(options.data)),
        root=options.root,
        s1_root=options.s1_root,
        splits=options.splits,
        split_by_region=options.split_by_region,
        nomenclature=options.nomenclature,
        keep_snow_cloud=options.keep_snow_cloud,
        superres_weights=tuple(options.superres_weights),
    )
    settings = cli.given_settings(options, BigEarthNetConfig)
    del settings["data"]
    return hvd.on_rank_zero(
        lambda: ComparisonOptions(
            base=read_study_options(options, STUDIES),
            inputs=inputs,
            settings=settings,
            lists=lists,
            show_progress=cli.shows_progress(options.no_progress),
        )
    )


def compare(options: ComparisonOptions) -> None:
    """Make the inputs that are missing, train the variants that are not trained yet, measure all, and write the report."""
    from bigearthnet.studies.plan import check_files, prepare_comparison
    from common.patches.staging import check_stage

    hvd.on_rank_zero(lambda: prepare_comparison(options))
    check_stage(options.base.stage)
    from bigearthnet.studies.inputs import make_inputs

    files = make_inputs(options, lambda preparation: prepare(preparation, options.show_progress))
    hvd.on_rank_zero(lambda: check_files(options, files))
    # TensorFlow takes seconds to import: not before options and files are checked.
    import keras

    from bigearthnet.studies.scores import measure_variants
    from common.studies.trainings import train_variants

    def train_one(variant: Variant, location: RunLocation) -> None:
        train(options.config(variant), location, options.show_progress, options.base.stage)

    variants = options.variants(files)
    train_variants(variants, options.base, train_one, keras.backend.clear_session, ("data",))
    measured = measure_variants(options, variants)
    hvd.on_rank_zero(lambda: report(options, measured, files))


def report(options: ComparisonOptions, measured: "MeasuredRuns", files: Sequence[str]) -> None:
    """Write tables, figure and report, and print the tables. Call on rank 0."""
    from bigearthnet.evaluation.cost import Cost
    from bigearthnet.studies.plan import COMPARISON, COSTS
    from bigearthnet.studies.report import comparison_report
    from bigearthnet.studies.scores import judge_runs, run_scores
    from common.report.records import REPORT
    from common.runs.tables import write_rows
    from common.studies.figure import draw_verdicts
    from common.studies.report import write_study
    from common.studies.scores import write_scores
    from common.studies.verdict import write_verdicts

    folder, question = options.folder, options.question
    scores = run_scores(measured)
    verdicts = judge_runs(measured, scores, question.reference, question.metrics) if question else []
    write_scores(folder / SCORES, scores)
    costs = [(label, *cost) for label, cost in measured.costs.items()]
    write_rows(folder / COSTS, costs, ("label", *Cost._fields))
    figures = []
    if verdicts:
        write_verdicts(folder / VERDICTS, verdicts)
        figures = [draw_verdicts(verdicts, folder / FIGURE, options.base.quick)]
    text = TEXT if options.base.study else COMPARISON
    print(write_study(folder, text, comparison_report(options, measured, scores, verdicts, figures, files)))
    print(f"\n{folder / REPORT}, {folder / text} and {folder / SCORES}")


if __name__ == "__main__":
    sys.exit(main())
