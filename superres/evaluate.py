"""Measure networks and pansharpening on test scenes and compare them with bilinear and bicubic interpolation.

    python superres/evaluate.py --tiles test.txt --run-dir runs/first runs/second --output results

Scenes + run folders -> `metrics.csv`, `methods.csv`, `metrics.md`, `reflectance.csv`, `evaluation.json`, figures, `report.html`. The
truth is known at reduced scale (`superres/evaluation/reduced_scale.py`) and unknown at full scale
(`superres/evaluation/full_scale.py`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import common.distributed as hvd
from common.patches.settings import DEGRADATIONS
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.runs import cli
from common.runs.folder import open_output_folder
from superres.evaluation.options import EvaluationOptions
from superres.options import (
    add_engine_option,
    add_methods_option,
    add_precision_option,
    add_weights_options,
    read_methods_option,
    read_weights_options,
)

if TYPE_CHECKING:
    from superres.evaluation.error_statistics import ReflectanceRow
    from superres.evaluation.plan import EvaluationPlan
    from superres.evaluation.reliability.sampling import ErrorSample
    from superres.evaluation.tables import MetricRow
    from superres.figures.crops import Crop


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Measure networks on test scenes, and compare them with bilinear and bicubic interpolation: degrade all bands by "
        "the scale factor, sharpen them, and compare the result with the native bands. Under mpirun, the ranks share the "
        "scenes.",
        "python superres/evaluate.py --tiles test.txt --run-dir runs/first --output results",
    )
    parser.add_argument("--tiles", required=True, metavar="FILE", help="list of the test scenes, one a line")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder of the scenes that are listed without a path (the folder of the list)"
    )
    add_weights_options(parser, "each is measured")
    add_methods_option(parser)
    parser.add_argument(
        "--degradation",
        default=DEGRADATIONS[0],
        choices=DEGRADATIONS,
        help="blur of the degradation: gaussian, as in the DSen2 paper, or mtf, from the modulation transfer function of "
        f"each band ({DEGRADATIONS[0]})",
    )
    parser.add_argument(
        "--gsd",
        type=int,
        choices=(20, 60),
        help="native GSD in metres of the bands to measure (the GSD of the first network; needed for a joint one)",
    )
    add_precision_option(parser)
    add_engine_option(parser)
    parser.add_argument(
        "--full-scale",
        action="store_true",
        help="also sharpen to 10 m, and measure consistency, sharpness, correlation of detail, and QNR, which need no truth",
    )
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="also calibrate the expected error of each pixel, for superres-predict --uncertainty; several networks are "
        "members, whose mean is measured, too",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables, figures and report")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = build_parser()
    options = cli.parse_quietly(parser, argv)
    if not options.run_dir and not options.weights:
        if not options.methods:
            parser.error("there is nothing to measure: give --run-dir, --weights or --methods")
        if not options.gsd:
            parser.error("--methods without a network needs --gsd 20 or --gsd 60")
        if options.uncertainty:
            parser.error("--uncertainty calibrates a network: give --run-dir or --weights")
    return cli.run_command(lambda options: evaluate(read_options(options)), parser, argv)


def read_options(options: argparse.Namespace) -> EvaluationOptions:
    """Return the options as a record."""
    return EvaluationOptions(
        tiles=options.tiles,
        weights=read_weights_options(options),
        output=Path(options.output),
        data_dir=options.data_dir,
        gsd=options.gsd,
        methods=read_methods_option(options),
        degradation=options.degradation,
        precision=options.precision,
        engine=options.engine,
        full_scale=options.full_scale,
        uncertainty=options.uncertainty,
        overwrite=options.overwrite,
        show_progress=cli.shows_progress(options.no_progress),
    )


def evaluate(options: EvaluationOptions) -> None:
    """Measure all methods on this rank's scenes; rank 0 writes the tables and prints them."""
    from superres.evaluation.plan import prepare_evaluation

    plan = hvd.on_rank_zero(lambda: prepare_evaluation(options))
    # TensorFlow and matplotlib take seconds to import: not before options, scenes and weights are checked.
    from common.runs.progress import track
    from superres.evaluation.error_statistics import reflectance_rows
    from superres.evaluation.full_scale import measure_full_scale
    from superres.evaluation.methods import interpolation_methods, pansharpening_methods
    from superres.evaluation.output import OUTPUT_FILES
    from superres.evaluation.reduced_scale import measure_scene
    from superres.evaluation.reliability.sampling import build_sampler, network_methods
    from superres.figures.crops import crop_pictures
    from superres.figures.evaluation import draw_scene

    settings = plan.settings
    sampler = build_sampler(*plan.calibrated, settings.gsd, plan.precision, plan.engine) if plan.calibrated else None
    observe = sampler.observe if sampler else None
    methods = [
        *pansharpening_methods(plan.methods, settings),
        *network_methods(plan.trained_networks, plan.precision, sampler, settings.gsd, plan.engine),
    ]
    # Only now: an engine that refuses a network must not cost older results.
    hvd.on_rank_zero(lambda: open_output_folder(options.output, options.overwrite, OUTPUT_FILES))
    # Scene index -> rows, pictures, or pixels.
    metrics, costs, errors_by_reflectance, crops, samples = ({} for _ in range(5))
    own_scenes = range(hvd.rank(), len(plan.scenes), hvd.size())
    for index in track(own_scenes, "scenes", "measuring", options.show_progress):
        scene = plan.scenes[index]
        result = measure_scene(scene, [*interpolation_methods(settings.gsd), *methods], settings, observe)
        draw_scene(result, scene, settings, plan.folder / scene.name)
        crops[index] = crop_pictures(result, scene.name, settings)
        metrics[index], costs[index] = result.rows, list(result.costs)
        errors_by_reflectance[index] = reflectance_rows(result.statistics, scene.name, BANDS_BY_GSD[settings.gsd])
        samples[index] = [(scene.name, sampler.sample)] if sampler else []
        if plan.full_scale:
            unclipped = [*interpolation_methods(settings.gsd, clip=False), *methods]
            metrics[index] = result.rows + measure_full_scale(scene, unclipped, settings)
    gathered = [hvd.gather_in_order(part) for part in (metrics, costs, errors_by_reflectance, crops, samples)]
    if hvd.rank() == 0:
        write_results(plan, *gathered)


def write_results(
    plan: "EvaluationPlan",
    rows: "list[MetricRow]",
    costs: "list[MetricRow]",
    error_rows: "list[ReflectanceRow]",
    crops: "list[Crop]",
    samples: "list[tuple[str, ErrorSample]]",
) -> None:
    """Write tables, figures and the report of all scenes, and print the tables. Call on rank 0.

    Args:
        plan: of the evaluation.
        rows: metrics of all scenes and methods.
        costs: of the same methods.
        error_rows: errors by reflectance.
        crops: pictures of all scenes.
        samples: scene and pixels of it, with --uncertainty; otherwise empty.
    """
    from common.report.markdown import write_markdown
    from common.report.page import write_report
    from common.report.records import REPORT
    from superres.evaluation.output import METHODS, METRICS, TABLES, write_record, write_tables
    from superres.evaluation.reliability.calibrating import write_reliability
    from superres.figures.evaluation import draw_metrics
    from superres.figures.reliability import plot_reliability
    from superres.reports.evaluation import evaluation_report

    reliability = write_reliability(plan, dict(samples)) if samples else []
    write_record(plan.folder, plan.record())
    write_tables(plan.folder, rows, costs, error_rows)
    draw_metrics(plan.folder, rows)
    if reliability:
        plot_reliability(plan.folder)
    report = evaluation_report(plan, [*rows, *costs], crops, reliability)
    tables = write_markdown(plan.folder / TABLES, report, pictures=False)
    write_report(plan.folder / REPORT, report)
    print(tables)
    print(
        f"\n{plan.folder / METRICS}, {plan.folder / METHODS}, {plan.folder / TABLES}, figures, and all of it in {plan.folder / REPORT}"
    )


if __name__ == "__main__":
    sys.exit(main())
