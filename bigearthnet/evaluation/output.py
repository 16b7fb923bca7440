"""The files of an evaluation: their names, and the tables."""

from collections.abc import Sequence
from pathlib import Path

from bigearthnet.evaluation.tables import MetricRow, describe, write_metrics
from common.files.atomic import write_text
from common.report.records import REPORT
from common.runs.provenance import provenance_line

METRICS, TABLES = "metrics.csv", "metrics.md"
F1_BARS, AP_BARS, CURVES, COOCCURRENCE = "f1.png", "ap.png", "precision_recall.png", "cooccurrence.png"
MISTAKES = "mistakes-{}.png"  # of each method
OUTPUT_FILES = (METRICS, TABLES, REPORT, F1_BARS, AP_BARS, CURVES, COOCCURRENCE, MISTAKES.format("*"))


def mistakes_file(method: str) -> str:
    """Return the name of the figure with the mistakes of a method."""
    return MISTAKES.format(method.replace(" ", "-"))


def write_tables(folder: Path, rows: Sequence[MetricRow], split: str, patches: int) -> str:
    """Write `metrics.csv` and `metrics.md`; return the tables as Markdown.

    Args:
        folder: where both go.
        rows: the scores.
        split: of the patches that were measured.
        patches: their number.

    Raises:
        OutputError: a file cannot be written.
    """
    write_metrics(folder / METRICS, rows)
    tables = describe(rows, split, patches)
    write_text(folder / TABLES, f"{tables}\n\n{provenance_line()}\n")
    return tables
