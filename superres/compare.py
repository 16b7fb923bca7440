"""Train networks with all other settings equal, and compare their errors and costs in one table; or answer a question.

    python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --output comparison
    python superres/compare.py --study losses --tiles tiles.txt --test-tiles test.txt --output losses

Scenes -> patch files in the patch cache -> one run folder for each variant and seed -> evaluation of all networks ->
`comparison.csv`, `comparison.md`, `comparison.png`, `report.html`; with --study also scores and verdicts. All runs have the
same patches, held-out blocks and number of steps. Initial weights, the order of the patches and their augmentation depend
on the seed.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import common.distributed as hvd
from common.errors import SettingError
from common.runs import cli
from common.runs.config import as_tuple
from common.studies.options import add_study_options
from superres.evaluate import evaluate
from superres.evaluation.options import EvaluationOptions
from superres.networks.catalogue import DEFAULT_UPSAMPLING, UPSAMPLINGS
from superres.networks.published import PUBLISHED
from superres.networks.sources import WeightsOptions
from superres.options import add_methods_option, read_methods_option
from superres.studies.catalogue import ONE_GSD, STUDIES
from superres.studies.options import OUTPUT_FILES, ComparisonOptions, read_comparison_options
from superres.train import train
from superres.training.config import SuperresConfig, gan_fields

TABLE, TEXT, FIGURE = "comparison.csv", "comparison.md", "comparison.png"
VARIED = ("model", "upsample", "seed")  # settings of superres-train for which this command takes lists
DATA_SETTINGS = ("degradation",)  # runs with another one have other patches


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Train networks with all other settings equal, measure them and interpolation on test scenes, and write one "
        "table of errors and costs; with --study, answer a question by a stated rule. Under mpirun all ranks train "
        "together. The settings of training are those of superres-train, and the same for all networks.",
        "python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --seeds 0 1 "
        "--output comparison",
    )
    add_study_options(parser, STUDIES)
    parser.add_argument(
        "--models",
        nargs="*",
        default=[],
        metavar="NAME",
        help=f"networks: {', '.join(ONE_GSD)}; of a study that varies something else, one",
    )
    parser.add_argument(
        "--upsamplings",
        nargs="+",
        choices=UPSAMPLINGS,
        help=f"upsamplings of the coarse bands; each network is trained with each of them ({DEFAULT_UPSAMPLING})",
    )
    parser.add_argument(
        "--trained",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help="run folders, also of adversarial training, or published weights "
        f"({', '.join(PUBLISHED)}) to measure without training",
    )
    add_methods_option(parser)
    parser.add_argument(
        "--tiles",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="file that lists the scenes to train on, one a line (with --quick: the small real sample)",
    )
    adversarial = [field.name for field in gan_fields()]
    cli.add_config_options(parser, SuperresConfig, leave_out=[*VARIED, "tiles", *adversarial, "scales"])
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = build_parser()
    options = cli.parse_quietly(parser, argv)
    if not hasattr(options, "tiles") and not (options.study and options.quick):
        parser.error("the following arguments are required: --tiles")
    return cli.run_command(
        lambda options: compare(
            hvd.on_rank_zero(lambda: read_comparison_options(options, read_methods_option(options)))
        ),
        parser,
        argv,
    )


def compare(options: ComparisonOptions) -> None:
    """Train the variants that are not trained yet, evaluate all networks, and write the table, or answer the question."""
    from common.patches.staging import check_stage

    options = hvd.on_rank_zero(lambda: prepare_comparison(options))
    check_stage(options.base.stage)
    # TensorFlow takes seconds to import: not before options and files are checked.
    import keras

    from common.studies.trainings import train_variants

    train_variants(
        options.variants,
        options.base,
        lambda variant, location: train(
            options.variant_config(variant), location, options.show_progress, options.base.stage
        ),
        keras.backend.clear_session,
        DATA_SETTINGS,
    )
    for degradation in options.tests:
        evaluate_all(options, degradation)
    hvd.on_rank_zero(lambda: report(options))


def prepare_comparison(options: ComparisonOptions) -> ComparisonOptions:
    """Check settings, scenes and weights, and make the output folder. Call on rank 0.

    Returns:
        The options; the quick form of a study without scenes has those of the small sample.

    Raises:
        S2Error: settings, scenes, weights or the output folder cannot be used.
    """
    from common.scenes.tile_list import read_tile_list
    from common.studies.folder import check_comparison, open_comparison
    from superres.evaluation.plan import find_networks
    from superres.networks.trained import check_sources
    from superres.training.plan import check_init_weights, check_scenes, check_weights_exist, find_teachers

    if not options.variants and not options.trained:
        raise SettingError("there is nothing to compare: give --models, --trained, or both.")
    options = with_sample(options)
    if not options.settings.get("test_tiles"):
        raise SettingError(
            "a comparison needs scenes that no network was trained on; give their list with --test-tiles."
        )
    if len(as_tuple(options.settings.get("gsd"))) > 1:
        raise SettingError(
            "a comparison measures one GSD; give --gsd 20 or --gsd 60, and joint networks with --trained."
        )
    configs = [options.variant_config(variant) for variant in options.variants]
    config = options.config
    scenes, test_scenes = (read_tile_list(tiles, config.data_dir) for tiles in (config.tiles, config.test_tiles))
    check_scenes(scenes, test_scenes, config.gsd)
    check_sources(options.trained)
    check_weights_exist(config)
    check_comparison(options.base)
    if options.trained:
        find_networks(WeightsOptions(options.trained), config.gsd)
    # Weights fit any seed and loss.
    distinct = {(variant.network_name, variant.upsample): variant for variant in configs}
    for variant in distinct.values():
        check_init_weights(variant, ())
    if config.teacher:
        find_teachers(config, ())
    open_comparison(options.base, [TABLE, TEXT, FIGURE, *OUTPUT_FILES])
    return options


def with_sample(options: ComparisonOptions) -> ComparisonOptions:
    """Return the options with the scenes of the small real sample, which is fetched, if they have none.

    Raises:
        DownloadError: the sample cannot be fetched.
    """
    if "tiles" in options.settings:
        return options
    from common.sample import fetch_sample

    sample = fetch_sample()
    lists = {"tiles": str(sample / "train.txt"), "test_tiles": str(sample / "test.txt")}
    return replace(options, settings={**lists, **options.settings})


def evaluate_all(options: ComparisonOptions, degradation: str) -> None:
    """Measure all networks on the test scenes, degraded in one way. Every rank must call it."""
    from superres.studies.scores import evaluation_folder

    config = options.config
    evaluate(
        EvaluationOptions(
            tiles=config.test_tiles,
            weights=WeightsOptions(options.sources),
            output=evaluation_folder(options, degradation),
            data_dir=config.data_dir,
            gsd=config.gsd,
            degradation=degradation,
            precision=config.precision,
            methods=options.methods,
            full_scale=True,
            overwrite=True,
            show_progress=options.show_progress,
        )
    )


def report(options: ComparisonOptions) -> None:
    """Write the table and its figure, and the answers of a study; print them. Call on rank 0."""
    from common.files.atomic import write_text
    from common.report.markdown import table_markdown
    from common.report.page import write_report
    from common.report.records import REPORT
    from common.runs.provenance import provenance_line
    from superres.evaluation.comparison import compared_networks, write_comparison
    from superres.figures.comparison import plot_comparison_table
    from superres.studies.comparison_report import comparison_report, network_records
    from superres.studies.report import measure_study, output_paths, write_study
    from superres.studies.scores import evaluation_folder

    folder, config = options.base.folder, replace(options.config, degradation=options.tests[0])
    evaluation = evaluation_folder(options, options.tests[0])
    measured = measure_study(options) if options.study else {}
    networks = compared_networks(evaluation, options.sources, options.labels, config, options.methods)
    write_comparison(folder / TABLE, networks)
    plot_comparison_table(folder / TABLE, folder / FIGURE)
    table = network_records(networks)
    text = (
        f"{table_markdown(table)}\n\n{table.caption} Test scenes: {networks[0].scenes}, {config.gsd} m bands, degraded "
        f"with `--degradation {config.degradation}`. Precision: {config.precision}."
    )
    write_text(folder / TEXT, f"{text}\n\n{provenance_line()}\n")
    if options.study:
        print(write_study(options, measured, networks))
        print(f"\n{output_paths(folder)}, and {evaluation}")
        return
    write_report(folder / REPORT, comparison_report(options, networks, folder / FIGURE))
    print(text)
    print(f"\n{folder / TABLE}, {folder / TEXT}, {folder / FIGURE}, {folder / REPORT}, and {evaluation}")


if __name__ == "__main__":
    sys.exit(main())
