"""Small files are read within limits, and every failure is an OSError or a ValueError with a reason."""

import os
from pathlib import Path

import pytest

from common.files import limits
from common.files.limits import (
    parse_json,
    parse_xml,
    read_lines,
    read_regular_file,
    read_table,
    require_regular_file,
)

DEEP = 20_000


def test_a_regular_file_of_the_largest_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(ValueError, match="it is larger than 0 MiB"):
        read_regular_file(tmp_path / "a", 4)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_files_that_may_never_end(tmp_path: Path, make) -> None:
    make(tmp_path / "endless")
    with pytest.raises(ValueError, match="it is a device or a pipe, not a file"):
        read_regular_file(tmp_path / "endless")
    with pytest.raises(ValueError, match="it is a device or a pipe, not a file"):
        require_regular_file(tmp_path / "endless")


@pytest.mark.parametrize(
    ("name", "error"), [("", IsADirectoryError), ("none", FileNotFoundError), ("x" * 300, OSError)]
)
def test_what_the_system_refuses_is_its_own_error(tmp_path: Path, name: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        read_regular_file(tmp_path / name)


def test_json() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * DEEP + "]" * DEEP)
    for text in ("", "{", b"\xff", "9" * 5000):
        with pytest.raises(ValueError):
            parse_json(text)


def test_xml() -> None:
    assert parse_xml(b"<a><b>text</b></a>").findtext("b") == "text"
    deep = parse_xml(b"<a>" * DEEP + b"</a>" * DEEP)
    assert len(list(deep.iter())) == DEEP
    for text in (b"", b"<a>", b'<?xml version="1.0" encoding="none"?><a/>', b"\0"):
        with pytest.raises(ValueError):
            parse_xml(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_entities_is_not_expanded(encoding: str) -> None:
    text = '<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    with pytest.raises(ValueError, match="it has a DOCTYPE"):
        parse_xml(text.encode(encoding))


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo\n".encode())
    assert read_lines(tmp_path / "a.txt") == ["one", "two"]
    (tmp_path / "a.txt").write_bytes(b"one\n\xff\n")
    with pytest.raises(ValueError, match=r"it is no text in UTF-8 \(.* at byte 4\)"):
        read_lines(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2,3\n", "line 2 has more cells than the first line"),
        ("a,b\n1," + "x" * 200_000, "field larger than field limit"),
        ("a,b\n" + "1,2\n" * 4, "it has more than 3 rows"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ROWS", 3)
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_table(tmp_path / "a.csv")


def test_a_table_with_short_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1\n"x, y",2\n')
    assert read_table(tmp_path / "a.csv") == [{"a": "1", "b": ""}, {"a": "x, y", "b": "2"}]
