"""Cells of tables: digits, missing values, and the marks of the best values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.report.cells import MISSING, best_rows, heading_index, number, numeric_columns, row_heading, show_rows, text
from common.report.records import Cell, Column, Spread, Table

RMSE = Column("RMSE (DN)", 2, "lower")


@pytest.mark.parametrize(
    "cell, expected",
    [
        (35.5714, "35.57"),
        (1789574, "1,789,574.00"),
        (Spread(35.5714, 0.1249), "35.57 ± 0.12"),
        (Spread(35.5714, None), "35.57"),
        (Spread(35.5714, math.nan), "35.57"),
        (Spread(math.nan, math.nan), MISSING),
        (None, MISSING),
        (math.nan, MISSING),
        ("published", "published"),
    ],
)
def test_text_of_a_cell(cell: Cell, expected: str) -> None:
    assert text(cell, RMSE) == expected


def test_what_was_not_measured_has_no_number() -> None:
    assert [number(cell) for cell in (None, math.nan, "text", Spread(math.nan, 1), Spread(2, 1), 3)] == [
        None,
        None,
        None,
        None,
        2,
        3,
    ]


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=8), st.sampled_from(["lower", "higher"]))
def test_no_row_is_better_than_the_best(values: list[float | None], better: str) -> None:
    best = best_rows(values, Column("x", 2, better), [None] * len(values))
    shown = {row: round(value, 2) for row, value in enumerate(values) if value is not None}
    if len(set(shown.values())) < 2:
        assert best == set()
    else:
        first = (min if better == "lower" else max)(shown.values())
        assert best == {row for row, value in shown.items() if value == first}


def test_the_best_is_marked_among_rows_of_one_scene() -> None:
    rows = [["a", "x", 1.0], ["a", "y", 2.0], ["b", "x", 4.0], ["b", "y", 3.0], ["c", "x", 9.0]]
    table = Table("", [Column("Scene"), Column("Method"), RMSE], rows, best_within="Scene")
    assert [line[2].is_best for line in show_rows(table)] == [True, False, False, True, False]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 2 columns, but a row of 1 cells"):
        show_rows(Table("", [Column("Method"), RMSE], [["x"]]))


@pytest.mark.parametrize(
    "columns, index",
    [
        ([RMSE], 0),
        ([Column("Method"), RMSE, Column("Note")], 0),
        ([Column("Scene"), Column("Method"), RMSE], 1),
        ([Column("Scene"), Column("Method")], 1),
    ],
)
def test_the_last_of_the_first_text_columns(columns: list[Column], index: int) -> None:
    assert heading_index(columns) == index


def test_texts_that_are_numbers_are_numbers() -> None:
    columns = [Column("Difference"), Column("Interval"), Column("Answer"), RMSE]
    rows = [["+3.2", "1 to 2", "better", None], ["-1,234.5", "3", "1.5", 2.0], ["1e-05", "4", "2", 2.0]]
    assert numeric_columns(Table("", columns, rows)) == [True, False, False, True]
    assert numeric_columns(Table("", columns, [])) == [False, False, False, True]
    assert [line[0].value for line in show_rows(Table("", columns, rows))] == [3.2, -1234.5, 1e-05]


@pytest.mark.parametrize("heading, index", [("", 0), ("Method", 1)])
def test_one_column_names_the_rows(heading: str, index: int) -> None:
    assert row_heading(Table("", [Column("Scene"), Column("Method"), RMSE], [], heading=heading)) == index
