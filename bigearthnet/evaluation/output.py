"""The names of the files of an evaluation."""

from common.report.records import REPORT

METRICS, TABLES = "metrics.csv", "metrics.md"
F1_BARS, AP_BARS, CURVES, COOCCURRENCE = "f1.png", "ap.png", "precision_recall.png", "cooccurrence.png"
MISTAKES = "mistakes-{}.png"  # of each method
OUTPUT_FILES = (METRICS, TABLES, REPORT, F1_BARS, AP_BARS, CURVES, COOCCURRENCE, MISTAKES.format("*"))


def mistakes_file(method: str) -> str:
    """Return the name of the figure with the mistakes of a method."""
    return MISTAKES.format(method.replace(" ", "-"))
