"""The report of an evaluation: what its tables hold, which values are best, which figures it shows."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.patches.settings import PatchSettings
from common.report.cells import show_rows
from common.report.page import render
from common.report.records import Picture, Report, Slider, Table
from common.scenes.tile_list import open_scene
from superres.evaluation.plan import EvaluationPlan
from superres.evaluation.tables import MetricRow
from superres.figures.crops import Crop
from superres.reports.evaluation import evaluation_report

RMSE = {"bicubic": 90.0, "dsen2": 30.0}


def rows_of(scene: str, more: float = 0) -> list[MetricRow]:
    """Made metrics of two methods."""
    return [
        MetricRow(scene, method, band, metric, value + more)
        for method, value in RMSE.items()
        for band, metric in (
            ("all", "rmse"),
            ("B05", "rmse"),
            ("all", "uiq"),
            ("all", "opensr_omission"),
            ("all", "sharpness"),
        )
    ]


@pytest.fixture
def plan(fake_product: Path, tmp_path: Path) -> EvaluationPlan:
    """An evaluation of one scene, with files that stand for its figures."""
    scene = open_scene(fake_product)
    for name in (
        "metrics",
        "bands",
        "full_scale",
        *(f"{scene.name}-{kind}" for kind in ("pictures", "errors", "spectra", "reflectance")),
    ):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    return EvaluationPlan((scene,), {}, PatchSettings(20, 1), "float32", (), True, tmp_path)


def made_report(plan: EvaluationPlan, rows: list[MetricRow]) -> Report:
    crops = [Crop(scene.name, name, name.encode()) for scene in plan.scenes for name in ("bicubic", "dsen2")]
    return evaluation_report(plan, rows, crops)


def parts(report: Report, kind: type) -> list:
    return [part for section in report.sections for part in section.parts if isinstance(part, kind)]


def test_one_scene(plan: EvaluationPlan) -> None:
    report = made_report(plan, rows_of(plan.scenes[0].name))
    errors, structure, *_ = parts(report, Table)
    assert [column.title for table in (errors, structure) for column in table.columns] == [
        *("Method", "RMSE (DN)"),
        *("Method", "UIQ"),
    ]
    assert [[cell.text for cell in row] for row in show_rows(errors)] == [["bicubic", "90.00"], ["dsen2", "30.00"]]
    assert [row[1].is_best for table in (errors, structure) for row in show_rows(table)] == [False, True, True, False]
    assert "dsen2, 30.0 DN; bicubic: 90.0 DN" in report.answers[0]
    assert [picture.caption for picture in parts(report, Slider)[0].pictures] == ["bicubic", "dsen2"]
    assert {part.image.name for part in parts(report, Picture)} == {path.name for path in plan.folder.iterdir()}
    assert plan.scenes[0].name in render(report)


def test_a_large_sharpness_is_not_marked_as_the_best(plan: EvaluationPlan) -> None:
    """It may be larger than that of the truth."""
    tables = parts(made_report(plan, rows_of(plan.scenes[0].name)), Table)
    (sharpness,) = [column for table in tables for column in table.columns if column.title.startswith("Sharpness")]
    assert sharpness.better == ""


def test_scenes_and_their_mean(plan: EvaluationPlan) -> None:
    """The best is marked scene by scene."""
    other = replace(plan.scenes[0], name="another <scene>")
    plan = plan._replace(scenes=(*plan.scenes, other))
    report = made_report(plan, rows_of(plan.scenes[0].name) + rows_of(other.name, more=100))
    main, *_ = parts(report, Table)
    shown = show_rows(main)
    assert [row[0].text for row in shown[2:]] == ["another <scene>"] * 2 + ["mean of 2 scenes"] * 2
    assert [row[2].is_best for row in shown] == [False, True] * 3
    assert report.answers == ["Lowest RMSE, mean of 2 scenes: dsen2, 80.0 DN; bicubic: 140.0 DN."]


def test_without_full_scale(plan: EvaluationPlan) -> None:
    rows = [row for row in rows_of(plan.scenes[0].name) if row.metric != "sharpness"]
    report = made_report(plan, rows)
    assert not any(section.title.startswith("Full scale") for section in report.sections)
    assert not any(part.image == plan.folder / "full_scale.png" for part in parts(report, Picture))
