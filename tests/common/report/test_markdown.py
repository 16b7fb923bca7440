"""A report as Markdown has everything that its records hold but pictures."""

from pathlib import Path

from common.report.markdown import report_markdown, table_markdown
from common.report.records import Column, Picture, Report, Section, Spread, Table


def test_everything_is_there_in_its_order() -> None:
    table = Table(
        "Means over seeds.",
        [Column("Network"), Column("RMSE (DN)", 2, "lower"), Column("Note", 0)],
        [["dsen2", Spread(35.567, 0.123), None]],
    )
    figure = Picture(Path("out/bars.png"), "A figure.", "Bars")
    inside = Picture(b"png", "A picture.", "pixels")
    report = Report(
        "Networks",
        "Which network?",
        [Section("Errors", [table, "A remark.", figure, inside])],
        ["dsen2 is better."],
        "Means nothing.",
        {"Seeds": "0, 1"},
    )
    assert report_markdown(report).split("\n\n") == [
        "# Networks",
        "**Means nothing.**",
        "Which network?",
        "## Answers",
        "- dsen2 is better.",
        "## Setting",
        "- Seeds: 0, 1",
        "## Errors",
        "Means over seeds.",
        "| Network | RMSE (DN) ↓ | Note |\n|---|---:|---:|\n| dsen2 | 35.57 ± 0.12 | \N{EN DASH} |",
        "A remark.",
        "![Bars](bars.png)",
        "A figure.",
        "A picture.",
    ]
    plain = report_markdown(Report("Networks", "Which network?", []))
    assert plain == "# Networks\n\nWhich network?"


def test_without_pictures_a_section_that_has_nothing_else_is_left_out() -> None:
    figure = Picture(Path("out/bars.png"), "A figure.", "Bars")
    report = Report("Networks", "Which?", [Section("Errors", ["A remark.", figure]), Section("Pictures", [figure])])
    assert report_markdown(report, pictures=False) == "# Networks\n\nWhich?\n\n## Errors\n\nA remark."


def test_the_best_values_are_bold() -> None:
    """As on the page: within a scene, and the number alone where two are equal to the digits that are shown."""
    rows = [["a", "x", 3.04], ["a", "y", 3.01], ["a", "z", 9.0], ["b", "x", 7.0], ["b", "y", 8.0]]
    columns = [Column("Scene"), Column("Method"), Column("RMSE", 1, "lower")]
    lines = table_markdown(Table("", columns, rows, best_within="Scene")).splitlines()
    assert [line.split(" | ")[-1] for line in lines[2:]] == ["**3.0** |", "**3.0** |", "9.0 |", "**7.0** |", "8.0 |"]
