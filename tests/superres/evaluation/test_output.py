"""Files of an evaluation: whole tables, the record, and names that `--overwrite` replaces."""

import fnmatch
import json

import pytest

from common.runs.tables import read_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.output import OUTPUT_FILES, SCENE_FIGURES, write_record, write_tables
from superres.evaluation.tables import MetricRow, read_metrics

ROWS = [MetricRow("scene", "bicubic", band, "rmse", 150.5) for band in ("all", "B05")]
ERRORS = [ReflectanceRow("scene", "bicubic", "B05", 0.9, 0.99, 4000.0, 30.0, -2.0, 25.0)]


def test_tables_are_written(tmp_path):
    """What a method costs differs from run to run: `metrics.csv` does not have it."""
    write_tables(tmp_path, ROWS, [MetricRow("scene", "bicubic", "all", "memory", 4.0)], ERRORS)
    assert (tmp_path / "methods.csv").read_text().split() == ["scene,method,rmse,memory", "scene,bicubic,150.5,4.0"]
    assert read_metrics(tmp_path / "metrics.csv") == ROWS
    assert read_rows(tmp_path / "reflectance.csv", ReflectanceRow) == ERRORS
    assert (
        (tmp_path / "reflectance.csv")
        .read_text()
        .startswith("scene,method,band,above,below,reflectance,rmse,bias,mae\n")
    )


def test_the_record_has_versions_and_entries(tmp_path):
    write_record(tmp_path, {"gsd": 60, "scenes": ["a", "b"]})
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert (record["gsd"], record["scenes"]) == (60, ["a", "b"])
    assert {"command", "code_revision"} <= record.keys()


@pytest.mark.parametrize(
    "name",
    [
        "metrics.csv",
        "methods.csv",
        "metrics.md",
        "evaluation.json",
        *(f"scene-{figure}.png" for figure in SCENE_FIGURES),
    ],
)
def test_overwrite_knows_all_files(name):
    assert any(fnmatch.fnmatch(name, pattern) for pattern in OUTPUT_FILES)


@pytest.mark.parametrize("name", ["notes.txt", "my.png", "scene.tif"])
def test_overwrite_leaves_other_files(name):
    assert not any(fnmatch.fnmatch(name, pattern) for pattern in OUTPUT_FILES)
