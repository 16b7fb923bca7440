"""A report as Markdown has everything that its records hold but pictures."""

from pathlib import Path

from common.report.markdown import report_markdown
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
        "| Network | RMSE (DN) ↓ | Note |\n|---|---:|---:|\n| dsen2 | 35.57 ± 0.12 | \N{EN DASH} |",
        "Means over seeds.",
        "A remark.",
        "![Bars](bars.png)",
        "A figure.",
        "A picture.",
    ]
    plain = report_markdown(Report("Networks", "Which network?", []))
    assert plain == "# Networks\n\nWhich network?"
