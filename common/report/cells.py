"""Cells of a table as they are shown: digits, and marks of the best values."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from common.report.records import Cell, Column, Spread, Table

NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d*)?(e[+-]?\d+)?")  # as a text
MISSING = "\N{EN DASH}"


class ShownCell(NamedTuple):
    """A cell as it is shown.

    Attributes:
        text: with the digits of the column.
        value: number to sort by; None for other text, and for a number that was not measured.
        is_best: whether it is marked.
    """

    text: str
    value: float | None
    is_best: bool


def show_rows(table: Table) -> list[list[ShownCell]]:
    """Return the cells of a table, row by row.

    Raises:
        ValueError: a row has more or fewer cells than the table has columns.
    """
    groups = _groups(table)
    columns = []
    for index, column in enumerate(table.columns):
        cells = [_cell_of(table, row, index) for row in table.rows]
        best = best_rows([number(cell) for cell in cells], column, groups)
        columns.append([ShownCell(text(cell, column), number(cell), row in best) for row, cell in enumerate(cells)])
    return [list(row) for row in zip(*columns, strict=True)]


def numeric_columns(table: Table) -> list[bool]:
    """Return for each column whether it holds numbers, or texts that all are numbers."""
    return [
        column.decimals is not None
        or (bool(table.rows) and all(number(_cell_of(table, row, index)) is not None for row in table.rows))
        for index, column in enumerate(table.columns)
    ]


def row_heading(table: Table) -> int:
    """Return the index of the column that names the rows."""
    return [column.title for column in table.columns].index(table.heading) if table.heading else 0


def heading_index(columns: Sequence[Column]) -> int:
    """Return the index of the last of the first columns of text, or 0."""
    numeric = [index for index, column in enumerate(columns) if column.decimals is not None]
    return max(min(numeric, default=len(columns)) - 1, 0)


def number(cell: Cell) -> float | None:
    """Return the number of a cell; None for other text and for what was not measured."""
    value = cell.mean if isinstance(cell, Spread) else cell
    if isinstance(value, str):
        return float(value.replace(",", "")) if NUMBER.fullmatch(value) else None
    return None if value is None or math.isnan(value) else float(value)


def text(cell: Cell, column: Column) -> str:
    """Return a cell as text, such as `1,789,574`, `35.57 ± 0.12` or a dash for what was not measured."""
    if isinstance(cell, str):
        return cell
    if number(cell) is None:
        return MISSING
    decimals = column.decimals or 0
    if not isinstance(cell, Spread):
        return f"{cell:,.{decimals}f}"
    spread = cell.deviation
    return f"{cell.mean:,.{decimals}f}" + ("" if spread is None or math.isnan(spread) else f" ± {spread:,.{decimals}f}")


def best_rows(values: Sequence[float | None], column: Column, groups: Sequence[Cell]) -> set[int]:
    """Return the rows with the best value of each group; none where a group has nothing to compare.

    Values that differ only in digits that are not shown are equally good.

    Args:
        values: of a column, a row each.
        column: says which direction is better.
        groups: the group of each row.
    """
    best = set()
    for group in dict.fromkeys(groups) if column.better else ():
        rounded = {
            row: round(value, column.decimals or 0)
            for row, value in enumerate(values)
            if value is not None and groups[row] == group
        }
        if len(set(rounded.values())) > 1:
            first = (min if column.better == "lower" else max)(rounded.values())
            best |= {row for row, value in rounded.items() if value == first}
    return best


def _groups(table: Table) -> list[Cell]:
    if not table.best_within:
        return [None] * len(table.rows)
    index = [column.title for column in table.columns].index(table.best_within)
    return [row[index] for row in table.rows]


def _cell_of(table: Table, row: Sequence[Cell], index: int) -> Cell:
    if len(row) != len(table.columns):
        raise ValueError(f"{table.caption!r} has {len(table.columns)} columns, but a row of {len(row)} cells: {row}")
    return row[index]
