"""The files of an evaluation: their names, and functions that write tables and `evaluation.json`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files.atomic import write_text
from common.patches.settings import PatchSettings
from common.report.records import REPORT
from common.runs.provenance import provenance_line, provenance_record
from common.runs.tables import write_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.tables import MetricRow, markdown_report, write_metrics
from superres.uncertainty.file import CALIBRATION

METRICS, TABLES = "metrics.csv", "metrics.md"
REFLECTANCE = "reflectance.csv"
RELIABILITY = "reliability.csv"
RECORD = "evaluation.json"  # settings, versions, scenes and networks
BARS, BAND_BARS, FULL_SCALE_BARS = "metrics.png", "bands.png", "full_scale.png"
RELIABILITY_FIGURE = "reliability.png"
SCENE_FIGURES = ("pictures", "errors", "spectra", "reflectance")  # <scene>-<figure>.png
OUTPUT_FILES = (
    METRICS,
    TABLES,
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
    settings: PatchSettings,
    rows: Sequence[MetricRow],
    reflectance_rows: Sequence[ReflectanceRow],
    further_report: str = "",
) -> str:
    """Write `metrics.csv`, `metrics.md` and `reflectance.csv`; return what `metrics.md` holds.

    Args:
        folder: of the evaluation; it exists.
        settings: GSD and degradation.
        rows: metrics of all scenes and methods.
        reflectance_rows: errors by reflectance of all scenes and methods.
        further_report: Markdown that follows the tables of metrics in `metrics.md`.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_metrics(folder / METRICS, rows)
    write_rows(folder / REFLECTANCE, reflectance_rows, ReflectanceRow._fields)
    report = "\n\n".join(filter(None, [markdown_report(rows, settings), further_report]))
    write_text(folder / TABLES, f"{report}\n\n{provenance_line()}\n")
    return report


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `evaluation.json`: command, versions, and the entries of `record`.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_text(folder / RECORD, json.dumps({**provenance_record(), **record}, indent=2) + "\n")
