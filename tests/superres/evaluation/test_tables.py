"""Tables of metrics: CSV, means over scenes, labels, Markdown."""

import csv

import pytest

from common.patches.settings import PatchSettings
from superres.evaluation.tables import (
    TABLE_METRICS,
    MetricRow,
    markdown_band_table,
    markdown_metric_table,
    markdown_report,
    mean_over_scenes,
    read_metrics,
    scene_labels,
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


def test_markdown_metric_table_shows_overall_values():
    header, rule, bicubic, network = markdown_metric_table(ROWS).splitlines()
    assert header == "| Scene | Method | RMSE | SRE (dB) | ERGAS | SAM (deg) |"
    assert rule.count("|") == header.count("|")
    assert bicubic == "| T33UUB | bicubic | 150.70 | 150.70 | 150.70 | 150.70 |"
    assert network == "| T33UUB | dsen2 | 35.60 | 35.60 | 35.60 | 35.60 |"
    assert len(TABLE_METRICS) == 4


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
    table = markdown_band_table(ROWS, "rmse").splitlines()
    assert table[0] == "| Scene | Method | all | B05 |"
    assert table[2:] == ["| T33UUB | bicubic | 150.70 | 151.70 |", "| T33UUB | dsen2 | 35.60 | 36.60 |"]


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


def test_a_missing_value_is_an_empty_cell():
    rows = [row for row in ROWS if (row.method, row.metric) != ("dsen2", "sam")]
    assert markdown_metric_table(rows).splitlines()[-1] == "| T33UUB | dsen2 | 35.60 | 35.60 | 35.60 |  |"


@pytest.mark.parametrize(("gsd", "heading"), [(20, "40 m to 20 m"), (60, "360 m to 60 m")])
def test_the_report_says_scale_and_degradation(gsd, heading):
    report = markdown_report(ROWS, PatchSettings(gsd, 1, "mtf"))
    assert report.startswith(f"## Reduced scale: {heading}, against the native bands\n")
    assert "`--degradation mtf`" in report
    assert markdown_band_table(ROWS, "rmse") in report
    assert "Full scale" not in report


def test_the_report_has_the_measures_of_opensr_test_and_of_qnr_if_there_are_any():
    shares = {"opensr_improvement": 0.7, "opensr_omission": 0.2, "opensr_hallucination": 0.1, "qnr": 0.95}
    rows = [*ROWS, *(MetricRow("T33UUB", "dsen2", "all", metric, value) for metric, value in shares.items())]
    report = markdown_report(rows, PatchSettings(20, 1))
    assert "| Improvement ↑ | Omission ↓ | Hallucination ↓ |" in report
    assert "| T33UUB | dsen2 |  |  |  | 0.700 | 0.200 | 0.100 |" in report
    assert "| T33UUB | dsen2 |  |  |  |  |  |  | 0.9500 |  |" in report
    assert "opensr" not in markdown_report(ROWS, PatchSettings(20, 1))


def test_the_report_has_full_scale_and_means_if_there_are_any():
    full = [MetricRow("T33UUB", "dsen2", "all", metric, 0.5) for metric in ("consistency", "sharpness", "correlation")]
    rows = [replaced for row in (*ROWS, *full) for replaced in (row, row._replace(scene="T49JGM"))]
    reduced_part, full_part = markdown_report(rows, PatchSettings(20, 1)).split(
        "## Full scale: 20 m to 10 m, without truth"
    )
    assert "| mean of 2 scenes | dsen2 | 35.60 | 35.60 | 35.60 | 35.60 | 35.6000 |  |  |" in reduced_part
    assert "| mean of 2 scenes | dsen2 | 0.50 | 0.500 | 0.500 |" in full_part
