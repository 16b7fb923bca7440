"""Pictures inside a page: sizes, order, and the limit of their bytes."""

import base64
from pathlib import Path

import pytest

from common.report import pictures
from common.report.pictures import embed, embed_pictures
from common.report.records import Picture, Report, Section, Slider
from tests.support.pictures import png_bytes


def test_a_png_keeps_its_bytes_and_its_size() -> None:
    image = png_bytes(rows=3, cols=5)
    embedded = embed(image)
    assert base64.b64decode(embedded.uri.removeprefix("data:image/png;base64,")) == image
    assert (embedded.width, embedded.height) == (5, 3)


def test_other_bytes_have_no_size() -> None:
    assert embed(b"painted")[1:] == (None, None)


def test_pictures_beyond_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sliders come first, because their pictures stand in no other file."""
    monkeypatch.setattr(pictures, "MOST_BYTES", 25)
    file = tmp_path / "figure.png"
    file.write_bytes(b"x" * 10)
    first, large, last = Picture(file, "a", ""), Picture(b"y" * 20, "b", ""), Picture(b"z" * 5, "c", "")
    report = Report("", "", [Section("", [first, large, Slider("", [last, last])])])
    assert list(embed_pictures(report)) == [last, first]


def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    report = Report("", "", [Section("", [Picture(tmp_path / "missing.png", "a", "")])])
    assert embed_pictures(report) == {}
    assert "missing.png" in caplog.text
    assert "the report goes without it" in caplog.text
