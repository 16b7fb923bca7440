"""Written reports: texts of any kind, every row of every table, nothing from outside, whole files."""

import logging
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import OutputError
from common.report import page
from common.report.page import render, with_code, write_report
from common.report.records import REPORT, Column, Picture, Report, Section, Table
from tests.support.permissions import as_nobody
from tests.support.reports import ROWS, Page, made_report

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "</style>",
    "`<b>x</b>`",
    "&amp;",
]
SAFE_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@cache
def plain_page() -> Page:
    """The page of a report with a harmless word."""
    return Page(render(made_report("plain")))


@given(st.sampled_from(HOSTILE) | SAFE_TEXT)
@settings(max_examples=15, deadline=None)
def test_texts_are_shown_as_they_are_and_add_no_element(text: str) -> None:
    shown, plain = Page(render(made_report(text))), plain_page()
    assert [name for name, _ in shown.elements if name != "code"] == [
        name for name, _ in plain.elements if name != "code"
    ]
    assert {key for _, attrs in shown.elements for key in attrs} == {
        key for _, attrs in plain.elements for key in attrs
    }
    assert text.replace("`", "") in " ".join(shown.texts).replace("`", "")


def test_nothing_comes_from_outside() -> None:
    written = render(made_report("see doi.org/10.1109/LGRS.2024.3401394"))
    assert Page(written).addresses() <= {"data:", "data:image/png;base64", "#section-1", "#section-2", "#made"}
    assert not re.search(r"https?:|url\(|@import|import\(|fetch\(|XMLHttpRequest", written)
    policies = [attrs["content"] for _, attrs in Page(written).elements if "http-equiv" in attrs]
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_each_row_and_heading_of_a_table_is_there() -> None:
    texts = " ".join(Page(render(made_report())).texts)
    for word in ("T33UUB", "bicubic", "dsen2", "150.70", "35.57 ± 0.12", "1,789,574", "RMSE (DN)", "Parameters"):
        assert word in texts
    assert Page(render(made_report())).count("tr") == 1 + len(ROWS)


def test_pictures_have_texts_for_those_who_cannot_see_them() -> None:
    images = [attrs for name, attrs in Page(render(made_report("a word"))).elements if name == "img"]
    assert len(images) == 4
    assert all("a word" in attrs["alt"] for attrs in images)


def test_a_picture_that_is_left_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("common.report.pictures.MOST_BYTES", 5)
    file = tmp_path / "metrics.png"
    file.write_bytes(b"x" * 10)
    written = render(Report("", "", [Section("", [Picture(file, "Metrics", "bars")])]))
    assert "metrics.png" in written
    assert "not part of this page" in written


def test_words_between_backquotes_are_code() -> None:
    assert with_code("as `--x <1>` does, `y` & more") == "as <code>--x &lt;1&gt;</code> does, <code>y</code> &amp; more"


def test_the_command_and_the_code_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["superres/evaluate.py", "--tiles", "my tiles.txt"])
    texts = " ".join(Page(render(made_report())).texts)
    assert "superres/evaluate.py --tiles 'my tiles.txt'" in texts
    assert "Code revision" in texts
    assert "numpy" in texts


def test_a_report_is_whole_or_not_there(tmp_path: Path) -> None:
    wrong = Report("", "", [Section("", [Table("", [Column("Method")], [["x", "y"]])])])
    with pytest.raises(ValueError, match="a row of 2 cells"):
        write_report(tmp_path / REPORT, wrong)
    assert list(tmp_path.iterdir()) == []
    write_report(tmp_path / REPORT, made_report())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with as_nobody(tmp_path), pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / REPORT, made_report())


def test_a_large_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(page, "LARGE_BYTES", 1000)
    with caplog.at_level(logging.INFO):
        write_report(tmp_path / REPORT, made_report())
    assert "report.html has 0 MB, mostly pictures" in caplog.text
