"""Measure trained classifiers on patches of a prepared file.

    python bigearthnet/evaluate.py --data data.h5 --run-dir runs/first --output results

Prepared file + run folders -> `metrics.csv`, `metrics.md`, figures, `report.html`. A class counts as predicted if its
probability is at least its threshold, which the training run chose on the validation patches.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from bigearthnet.archive.splits import SPLITS
from bigearthnet.evaluation.options import BATCH_SIZE, EvaluationOptions
from common.runs import cli
from common.runs.folder import open_output_folder


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Measure trained classifiers: F1 and related scores, average precision, Hamming loss. Under mpirun the ranks "
        "share the patches; the scores are those of all patches together.",
        "python bigearthnet/evaluate.py --data data.h5 --run-dir runs/first --output results",
    )
    parser.add_argument("--data", required=True, metavar="FILE", help="HDF5 file that bigearthnet/prepare.py wrote")
    parser.add_argument(
        "--run-dir",
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of the training runs to measure",
    )
    parser.add_argument("--split", default="test", choices=SPLITS, help="patches to measure on (test)")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help=f"patches per rank and step ({BATCH_SIZE})")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables, figures and report")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: evaluate(read_options(options)), build_parser(), argv)


def read_options(options: argparse.Namespace) -> EvaluationOptions:
    """Return the options as a record."""
    return EvaluationOptions(
        Path(options.data),
        tuple(Path(folder) for folder in options.run_dir),
        Path(options.output),
        options.split,
        options.batch_size,
        options.overwrite,
        cli.shows_progress(options.no_progress),
    )


def evaluate(options: EvaluationOptions) -> None:
    """Measure all classifiers, each rank a share of the patches; rank 0 writes tables and figures, and prints."""
    from bigearthnet.evaluation.plan import prepare_evaluation

    plan = hvd.on_rank_zero(lambda: prepare_evaluation(options))
    # TensorFlow and matplotlib take seconds to import: not before options and files are checked.
    from bigearthnet.evaluation.measure import predict_methods, score_methods
    from bigearthnet.evaluation.output import METRICS, OUTPUT_FILES, TABLES
    from bigearthnet.evaluation.tables import write_metrics
    from bigearthnet.figures.evaluation import draw_evaluation
    from bigearthnet.reports.evaluation import evaluation_report
    from common.report.markdown import write_markdown
    from common.report.page import write_report
    from common.report.records import REPORT

    models = {method: trained.build() for method, trained in plan.classifiers.items()}
    # Only now: damaged weights must not cost older results.
    hvd.on_rank_zero(lambda: open_output_folder(options.output, options.overwrite, OUTPUT_FILES))
    predictions = predict_methods(plan, models, options.batch_size, options.show_progress)
    if hvd.rank() == 0:
        rows = score_methods(plan, predictions)
        write_metrics(options.output / METRICS, rows)
        draw_evaluation(options.output, plan, predictions)
        report = evaluation_report(plan, rows, options.output)
        tables = write_markdown(options.output / TABLES, report, pictures=False)
        write_report(options.output / REPORT, report)
        print(tables)
        print(
            f"\n{options.output / METRICS}, {options.output / TABLES}, figures, and all of it in {options.output / REPORT}"
        )


if __name__ == "__main__":
    sys.exit(main())
