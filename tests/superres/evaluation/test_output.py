"""Files of an evaluation: whole tables, the record, and names that `--overwrite` replaces."""

import fnmatch
import json

import pytest

from common.patches.settings import PatchSettings
from common.runs.tables import read_rows
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.output import OUTPUT_FILES, SCENE_FIGURES, write_record, write_tables
from superres.evaluation.tables import MetricRow, markdown_report, read_metrics

ROWS = [MetricRow("scene", "bicubic", band, "rmse", 150.5) for band in ("all", "B05")]
ERRORS = [ReflectanceRow("scene", "bicubic", "B05", 0.9, 0.99, 4000.0, 30.0, -2.0, 25.0)]


def test_tables_are_written_and_returned(tmp_path):
    settings = PatchSettings(20, 1, "mtf")
    report = write_tables(tmp_path, settings, ROWS, ERRORS)
    assert report == markdown_report(ROWS, settings)
    assert (tmp_path / "metrics.md").read_text().startswith(f"{report}\n\n")
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
    "name", ["metrics.csv", "metrics.md", "evaluation.json", *(f"scene-{figure}.png" for figure in SCENE_FIGURES)]
)
def test_overwrite_knows_all_files(name):
    assert any(fnmatch.fnmatch(name, pattern) for pattern in OUTPUT_FILES)


@pytest.mark.parametrize("name", ["notes.txt", "my.png", "scene.tif"])
def test_overwrite_leaves_other_files(name):
    assert not any(fnmatch.fnmatch(name, pattern) for pattern in OUTPUT_FILES)
