"""Tables: rows as CSV files and as Markdown, and names that tell rows apart."""

import csv
import os
import typing
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from common.errors import RunFolderError
from common.files.atomic import whole_file
from common.files.limits import read_table
from common.files.read_errors import describe_failed_read

Row = TypeVar("Row")
BAR = r"\|"  # in Markdown, a bar that does not end a cell


def write_rows(path: Path, rows: Iterable[Sequence], columns: Sequence[str]) -> None:
    """Write a CSV file, whole or not at all; None becomes an empty cell.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def read_rows(path: str | os.PathLike[str], row_class: type[Row], columns: Sequence[str] | None = None) -> list[Row]:
    """Read a CSV file that `write_rows` wrote.

    Args:
        path: the file.
        row_class: a NamedTuple of str, int, float, bool, or one of the first three or None.
        columns: the column of each field; None: columns have the names of the fields.

    Raises:
        RunFolderError: the file is missing, lacks a column, holds a cell of another type, or is too large.
    """
    types = typing.get_type_hints(row_class)
    columns_and_types = list(zip(columns or types, types.values(), strict=True))
    try:
        return [row_class(*(_value(line[name], kind) for name, kind in columns_and_types)) for line in read_table(path)]
    except OSError as error:
        raise RunFolderError(f"{path} {describe_failed_read(error)}.") from error
    except KeyError as error:
        raise RunFolderError(f"{path} has no column {error}; restore it, or make it again.") from error
    except ValueError as error:
        raise RunFolderError(f"{path} cannot be read ({error}); restore it, or make it again.") from error


def _value(cell: str, type_: Any) -> Any:
    if not cell and type(None) in typing.get_args(type_):
        return None
    if type_ is bool:
        if cell not in ("True", "False"):
            raise ValueError(f"{cell!r} is neither True nor False")
        return cell == "True"
    return next(iter(typing.get_args(type_)), type_)(cell)


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Return a Markdown table; its first columns are text and start at the left, the others end at the right."""
    rule = "|" + "---|" * text_columns + "---:|" * (len(header) - text_columns)
    return "\n".join([_line(header), rule, *map(_line, lines)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def distinct_names(*spellings: Sequence[str]) -> list[str]:
    """Return for each thing the first of its spellings that no other thing shares, or its last one.

    Args:
        spellings: names of all things, the short ones first, then longer ones.
    """
    names = spellings[0]
    for longer in spellings[1:]:
        counts = Counter(names)
        names = [name if counts[name] == 1 else long for name, long in zip(names, longer, strict=True)]
    return list(names)
