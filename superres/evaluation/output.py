"""The files of an evaluation: their names, and functions that write tables and `evaluation.json`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files.atomic import write_text
from common.report.records import REPORT
from common.runs.provenance import provenance_record
from common.runs.tables import write_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.tables import MetricRow, write_methods, write_metrics
from superres.uncertainty.file import CALIBRATION

METRICS, TABLES = "metrics.csv", "metrics.md"
METHODS = "methods.csv"  # a row for each scene and method, a column for each measure
REFLECTANCE = "reflectance.csv"
RELIABILITY = "reliability.csv"
RECORD = "evaluation.json"  # settings, versions, scenes and networks
BARS, BAND_BARS, FULL_SCALE_BARS = "metrics.png", "bands.png", "full_scale.png"
RELIABILITY_FIGURE = "reliability.png"
SCENE_FIGURES = ("pictures", "errors", "spectra", "reflectance")  # <scene>-<figure>.png
OUTPUT_FILES = (
    METRICS,
    TABLES,
    METHODS,
    REFLECTANCE,
    RECORD,
    REPORT,
    BARS,
    BAND_BARS,
    FULL_SCALE_BARS,
    RELIABILITY,
    RELIABILITY_FIGURE,
    CALIBRATION,
    *(f"*-{figure}.png" for figure in SCENE_FIGURES),
)


def write_tables(
    folder: Path,
    rows: Sequence[MetricRow],
    costs: Sequence[MetricRow],
    reflectance_rows: Sequence[ReflectanceRow],
) -> None:
    """Write `metrics.csv`, `methods.csv` and `reflectance.csv`.

    Args:
        folder: of the evaluation; it exists.
        rows: metrics of all scenes and methods.
        costs: of all scenes and methods; they differ from one run to the next, so `metrics.csv` goes without them.
        reflectance_rows: errors by reflectance of all scenes and methods.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_metrics(folder / METRICS, rows)
    write_methods(folder / METHODS, [*rows, *costs])
    write_rows(folder / REFLECTANCE, reflectance_rows, ReflectanceRow._fields)


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `evaluation.json`: command, versions, and the entries of `record`.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_text(folder / RECORD, json.dumps({**provenance_record(), **record}, indent=2) + "\n")
