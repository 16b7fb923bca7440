"""Measure trained classifiers on patches of a prepared file.

    python bigearthnet/evaluate.py --data data.h5 --run-dir runs/first --output results

HDF5 + run folders -> `metrics.csv`, `metrics.md`, figures. Each class counts as predicted from its own probability on,
which was chosen on the validation patches of the run.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import common.distributed as hvd
from bigearthnet.archive.splits import SPLITS
from bigearthnet.evaluation.scores import find_mistakes, score
from bigearthnet.evaluation.tables import (
    MAIN_METRICS,
    MORE_METRICS,
    MetricRow,
    markdown_class_table,
    markdown_metric_table,
    metric_rows,
    write_metrics,
)
from bigearthnet.figures import classes as plots
from bigearthnet.figures.mistakes import plot_mistakes
from bigearthnet.prediction.probabilities import Predictions, predict
from bigearthnet.prediction.trained import TrainedClassifier, method_names, read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from common.errors import SettingError
from common.files.atomic import write_text
from common.runs import cli
from common.runs.folder import open_output_folder
from common.runs.provenance import provenance_line

logger = logging.getLogger(__name__)

METRICS, TABLES = "metrics.csv", "metrics.md"
F1_BARS, AP_BARS, CURVES, COOCCURRENCE = "f1.png", "ap.png", "precision_recall.png", "cooccurrence.png"
MISTAKES = "mistakes-{}.png"  # of each method


class EvaluationPlan(NamedTuple):
    """What is to be measured, checked."""

    file: BigEarthNetFile
    rows: np.ndarray
    classifiers: dict[str, TrainedClassifier]
    folder: Path


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Measure trained classifiers: F1 and its relatives, average precision, Hamming loss. Under mpirun ranks share "
        "out the patches, and the scores are those of all patches together.",
        "python bigearthnet/evaluate.py --data data.h5 --run-dir runs/first --output results",
    )
    parser.add_argument("--data", required=True, metavar="FILE", help="HDF5 file that bigearthnet/prepare.py wrote")
    parser.add_argument(
        "--run-dir",
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of training runs to measure",
    )
    parser.add_argument("--split", default="test", choices=SPLITS, help="patches to measure on (test)")
    parser.add_argument("--batch-size", type=int, default=64, help="patches a rank and step (64)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the tables and figures")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(evaluate, build_parser(), argv)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure all classifiers, each rank its patches; rank 0 writes the tables and figures."""
    plan = hvd.on_rank_zero(lambda: prepare_evaluation(arguments))
    file = BigEarthNetFile(arguments.data)
    progress = cli.shows_progress(arguments.no_progress)
    found: dict[str, Predictions] = {}
    for method, classifier in plan.classifiers.items():
        found[method] = predict(classifier.build(), classifier.patches(file, plan.rows), arguments.batch_size, progress)
        logger.info("%s: %d %s patches predicted", method, len(plan.rows), arguments.split)
    if hvd.rank() == 0:
        report(plan, found, arguments.split)


def prepare_evaluation(arguments: argparse.Namespace) -> EvaluationPlan:
    """Check all that can be checked before the work starts, and make the output folder. Called on rank 0."""
    if arguments.batch_size < 1:
        raise SettingError(f"--batch-size must be above 0; got {arguments.batch_size}.")
    trained = [read_trained(folder) for folder in dict.fromkeys(arguments.run_dir)]
    classifiers = dict(zip(method_names(trained), trained, strict=True))
    file = BigEarthNetFile(arguments.data)
    rows = np.flatnonzero(np.asarray(file.splits) == arguments.split)
    if not len(rows):
        raise SettingError(
            f"{arguments.data} has no patch of split {arguments.split}; choose another --split, or "
            f"prepare it with other --splits."
        )
    for classifier in classifiers.values():
        classifier.patches(file, rows)
        classifier.build()
    folder = Path(arguments.output)
    if folder.resolve() in [classifier.folder.resolve() for classifier in trained]:  # it has a metrics.csv of its own
        raise SettingError(f"--output must not be a run folder; got {folder}.")
    open_output_folder(
        folder, arguments.overwrite, [METRICS, TABLES, F1_BARS, AP_BARS, CURVES, COOCCURRENCE, MISTAKES.format("*")]
    )
    return EvaluationPlan(file, rows, classifiers, folder)


def report(plan: EvaluationPlan, found: dict[str, Predictions], split: str) -> None:
    """Write tables and figures, and print the tables. Called on rank 0."""
    rows = [
        row
        for method, predictions in found.items()
        for row in metric_rows(
            split, method, score(predictions, plan.classifiers[method].thresholds, plan.file.class_names)
        )
    ]
    write_metrics(plan.folder / METRICS, rows)
    draw(plan, found)
    tables = describe(rows, split, len(plan.rows))
    write_text(plan.folder / TABLES, f"{tables}\n\n{provenance_line()}\n")
    print(tables)
    print(f"\n{plan.folder / METRICS}, {plan.folder / TABLES} and figures")


def draw(plan: EvaluationPlan, found: dict[str, Predictions]) -> None:
    """All figures."""
    plots.plot_class_scores(plan.folder / METRICS, plan.folder / F1_BARS)
    plots.plot_class_scores(plan.folder / METRICS, plan.folder / AP_BARS, "ap")
    labels = plan.file.labels[plan.rows]
    if labels.any():
        probabilities = {method: predictions.probabilities for method, predictions in found.items()}
        plots.plot_precision_recall(labels, probabilities, plan.folder / CURVES)
        plots.plot_cooccurrence(labels, plan.file.class_names, plan.folder / COOCCURRENCE)
    for method, predictions in found.items():
        mistakes = find_mistakes(plan.file, predictions, plan.classifiers[method].thresholds)
        if mistakes:
            plot_mistakes(mistakes, plan.folder / MISTAKES.format(method.replace(" ", "-")))


def describe(rows: Sequence[MetricRow], split: str, patches: int) -> str:
    """All tables as Markdown."""
    parts = [
        f"## {patches} {split} patches",
        "Higher is better but for the Hamming loss. Thresholds were chosen by class on validation patches.",
        markdown_metric_table(rows, MAIN_METRICS),
        markdown_metric_table(rows, MORE_METRICS),
    ]
    for method in dict.fromkeys(row.method for row in rows):
        parts += [f"### {method}, by class", markdown_class_table(rows, method)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
