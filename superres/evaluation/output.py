"""The files of an evaluation: their names, the tables, and the record of how they were made."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files.atomic import write_text
from common.patches.settings import PatchSettings
from common.runs.provenance import provenance_line, provenance_record
from common.runs.tables import write_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.tables import MetricRow, describe, write_metrics

METRICS, TABLES = "metrics.csv", "metrics.md"
REFLECTANCE = "reflectance.csv"  # errors by reflectance
RECORD = "evaluation.json"  # settings, versions, scenes and networks
BARS, BAND_BARS, FULL_SCALE_BARS = "metrics.png", "bands.png", "full_scale.png"
SCENE_FIGURES = ("pictures", "errors", "spectra", "reflectance")  # <scene>-<figure>.png
OUTPUT_FILES = (
    METRICS,
    TABLES,
    REFLECTANCE,
    RECORD,
    BARS,
    BAND_BARS,
    FULL_SCALE_BARS,
    *(f"*-{figure}.png" for figure in SCENE_FIGURES),
)


def write_tables(
    folder: Path, settings: PatchSettings, rows: Sequence[MetricRow], by_reflectance: Sequence[ReflectanceRow]
) -> str:
    """Write `metrics.csv`, `metrics.md` and `reflectance.csv`; return the tables as Markdown."""
    write_metrics(folder / METRICS, rows)
    write_rows(folder / REFLECTANCE, by_reflectance, ReflectanceRow._fields)
    tables = describe(rows, settings)
    write_text(folder / TABLES, f"{tables}\n\n{provenance_line()}\n")
    return tables


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `evaluation.json`: command, versions, and the given entries."""
    write_text(folder / RECORD, json.dumps({**provenance_record(), **record}, indent=2) + "\n")
