"""Small files from outside, read within limits: metadata, lists and tables. A small file may ask for much, or never end.

The functions raise only OSError, if the system refuses to read the file, and ValueError, whose text is a reason such as
`it is nested too deeply`. Callers add the name of the file and advice.
"""

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

MAX_METADATA_BYTES = 16 * 2**20  # of JSON and XML; real files hold up to 1 MB
MAX_TABLE_BYTES = 64 * 2**20  # of lists and tables; a list of all patches of BigEarthNet holds 33 MB
MAX_ROWS = 2**20  # of a table that becomes a dictionary for each row


def read_regular_file(path: str | os.PathLike[str], most_bytes: int = MAX_METADATA_BYTES) -> bytes:
    """Return the content of a regular file. A device or a pipe is refused, because it may never end.

    Raises:
        OSError: the file is missing, is a folder, or the system refuses to read it.
        ValueError: it is a device or a pipe, or it has more than `most_bytes`.
    """
    with open(path, "rb", opener=open_at_once) as file:
        status = os.fstat(file.fileno())
        _require_regular(status)
        if status.st_size > most_bytes:
            raise ValueError(f"it is larger than {most_bytes // 2**20} MiB")
        return file.read(most_bytes)


def require_regular_file(path: str | os.PathLike[str]) -> None:
    """Raise ValueError if a path is a device or a pipe, and OSError if there is no file. For libraries that open files."""
    _require_regular(os.stat(path))


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a device or a pipe, not a file")


def open_at_once(path: str, flags: int) -> int:
    """Open a file for `open(opener=...)`; a pipe without a writer does not block."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse_json(content: bytes | str) -> Any:
    """Return the value in a JSON text, in UTF-8 with or without a byte order mark."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_xml(content: bytes) -> ElementTree.Element:
    """Return the root of an XML text. A DOCTYPE is refused: no product has one, and its entities may fill the memory."""
    if b"<!DOCTYPE" in content.replace(b"\0", b""):  # also in UTF-16
        raise ValueError("it has a DOCTYPE")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(str(error)) from error


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """Return the lines of a text file in UTF-8."""
    return _read_text(path).splitlines()


def read_table(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries, column -> cell. Cells that a short row lacks are empty."""
    lines = csv.DictReader(io.StringIO(_read_text(path), newline=""), restval="")
    rows: list[dict[str, str]] = []
    try:
        for row in lines:
            if None in row:
                raise ValueError(f"line {lines.line_num} has more cells than the first line")
            if len(rows) == MAX_ROWS:
                raise ValueError(f"it has more than {MAX_ROWS:,} rows")
            rows.append(row)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return rows


def _read_text(path: str | os.PathLike[str]) -> str:
    content = read_regular_file(Path(path), MAX_TABLE_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8 ({error.reason} at byte {error.start})") from error
