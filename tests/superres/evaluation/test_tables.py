"""Tables of metrics: CSV, means over scenes, labels, records for reports."""

import csv

import pytest

from common.metrics.descriptions import COST_METRICS, IMAGE_METRICS
from common.report.cells import MISSING
from common.report.markdown import table_markdown
from superres.evaluation.tables import (
    FULL_SCALE,
    FULL_SCALE_METRICS,
    REDUCED_SCALE,
    REDUCED_SCALE_METRICS,
    TABLE_METRICS,
    MetricRow,
    band_table,
    mean_over_scenes,
    metric_table,
    metric_tables,
    read_metrics,
    scene_labels,
    write_methods,
    write_metrics,
)

ROWS = [
    MetricRow("T33UUB", method, band, metric, value if band == "all" else value + 1)
    for method, value in (("bicubic", 150.70001), ("dsen2", 35.6))
    for band, metric in (
        ("all", "rmse"),
        ("all", "sre"),
        ("all", "ergas"),
        ("all", "sam"),
        ("all", "uiq"),
        ("B05", "rmse"),
    )
]


def test_metrics_csv(tmp_path):
    write_metrics(tmp_path / "metrics.csv", ROWS)
    with open(tmp_path / "metrics.csv", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["scene", "method", "band", "metric", "value"]
        rows = [MetricRow(**{**row, "value": float(row["value"])}) for row in reader]
    assert rows == ROWS


def test_a_row_for_each_method_has_all_measures(tmp_path):
    """With the metrics that were measured, in the order of the reports."""
    costs = [MetricRow("T33UUB", "dsen2", "all", metric, 7.0) for metric in COST_METRICS]
    write_methods(tmp_path / "methods.csv", [*costs, *ROWS])
    with open(tmp_path / "methods.csv", newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert list(rows["dsen2"]) == [*("scene", "method"), *("rmse", "sre", "ergas", "sam", "uiq"), *COST_METRICS]
    assert list(rows["dsen2"].values()) == ["T33UUB", "dsen2", *["35.6"] * 5, "7.0", "7.0"]
    assert [rows["bicubic"][metric] for metric in COST_METRICS] == ["", ""]


def test_every_metric_of_images_is_in_one_table():
    assert sorted([*REDUCED_SCALE_METRICS, *FULL_SCALE_METRICS]) == sorted(IMAGE_METRICS)


def test_a_table_shows_overall_values():
    header, rule, bicubic, network = table_markdown(metric_table("", ROWS, TABLE_METRICS)).splitlines()
    assert header == "| Method | RMSE (DN) ↓ | SRE (dB) ↑ | ERGAS ↓ | SAM (deg) ↓ |"
    assert rule.count("|") == header.count("|")
    assert bicubic == "| bicubic | 150.70 | **150.70** | 150.70 | 150.70 |"
    assert network == "| dsen2 | **35.60** | 35.60 | **35.60** | **35.60** |"


def test_read_metrics(tmp_path):
    write_metrics(tmp_path / "metrics.csv", ROWS)
    assert read_metrics(tmp_path / "metrics.csv") == ROWS


def test_mean_over_scenes():
    assert mean_over_scenes(ROWS) == []
    others = [row._replace(scene="T49JGM", value=row.value + 10) for row in ROWS]
    means = mean_over_scenes([*ROWS, *others])
    assert [row[1:4] for row in means] == [row[1:4] for row in ROWS]
    assert {row.scene for row in means} == {"mean of 2 scenes"}
    assert [row.value for row in means] == pytest.approx([row.value + 5 for row in ROWS])


def test_a_metric_that_a_scene_lacks_has_no_mean():
    """A scene without a whole block has no Q2n; a mean of the others is not that of all scenes."""
    rows = [MetricRow(scene, "dsen2", "all", "rmse", 1.0) for scene in ("a", "b")]
    assert [row.metric for row in mean_over_scenes([*rows, MetricRow("a", "dsen2", "all", "q2n", 0.9)])] == ["rmse"]


def test_band_table():
    table = table_markdown(band_table("", ROWS, "rmse")).splitlines()
    assert table[0] == "| Method | all | B05 |"
    assert table[2:] == ["| bicubic | 150.70 | 151.70 |", "| dsen2 | 35.60 | 36.60 |"]


def test_short_labels_stay_unambiguous():
    names = [
        "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301",
        "S2B_MSIL1C_20171022T023429_N0205_R103_T49JGM_20171022T023428",
        "S2B_MSIL2A_20170924T93020_69_24",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57",
        "something else",
    ]
    short = ["T33UUB 2017-05-27", "T49JGM 2017-10-22", "69_24 2017-09-24", "T33UUP 26_57 2017-06-13", "something else"]
    assert list(scene_labels(names).values()) == short
    twins = [names[0], names[0].replace("N0205", "N0500")]
    assert list(scene_labels(twins).values()) == twins


def test_a_missing_value_is_a_dash():
    rows = [row for row in ROWS if (row.method, row.metric) != ("dsen2", "sam")]
    assert table_markdown(metric_table("", rows, ("rmse", "sam"))).endswith(f"| dsen2 | **35.60** | {MISSING} |")


def test_groups_without_a_measured_metric_have_no_table():
    rows = [*ROWS, MetricRow("T33UUB", "dsen2", "all", "qnr", 0.95)]
    assert [table.caption for table in metric_tables(REDUCED_SCALE, rows)] == list(REDUCED_SCALE)[:2]
    (table,) = metric_tables(FULL_SCALE, rows)
    assert ([column.title for column in table.columns], table.rows) == (["Method", "QNR"], [["dsen2", 0.95]])


def test_means_over_scenes_follow():
    rows = [*ROWS, *(row._replace(scene="T49JGM", value=row.value + 10) for row in ROWS)]
    lines = table_markdown(metric_table("", rows, ("rmse",))).splitlines()
    assert lines[0] == "| Scene | Method | RMSE (DN) ↓ |"
    assert lines[-2:] == ["| mean of 2 scenes | bicubic | 155.70 |", "| mean of 2 scenes | dsen2 | **40.60** |"]
