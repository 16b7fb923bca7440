"""Tables: rows as CSV files and as Markdown, and names that tell rows apart."""

import math
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import RunFolderError
from common.runs.tables import distinct_names, markdown_table, read_rows, write_rows


class Measured(NamedTuple):
    """A row with every type of cell."""

    name: str
    value: float
    count: int
    seed: int | None = None
    speed: float | None = None
    is_seen: bool = False


ROWS = [
    Measured('with, comma and "quotes"', 0.1 + 0.2, 3, 7, 1e-300, True),
    Measured("infinite", math.inf, -2, None, None, False),
]


def test_rows_survive_a_file(tmp_path: Path) -> None:
    write_rows(tmp_path / "table.csv", ROWS, Measured._fields)
    assert read_rows(tmp_path / "table.csv", Measured) == ROWS


def test_a_bar_in_a_name_ends_no_cell() -> None:
    """As in the name of a run folder."""
    assert markdown_table(["Run", "RMSE"], [["a|b", "1.0"]]).splitlines()[2] == r"| a\|b | 1.0 |"


def test_columns_may_have_other_names_than_fields(tmp_path: Path) -> None:
    columns = ("class", *Measured._fields[1:])
    write_rows(tmp_path / "table.csv", iter(ROWS), columns)
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == "class,value,count,seed,speed,is_seen"
    assert read_rows(tmp_path / "table.csv", Measured, columns) == ROWS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"cannot be read \(No such file"),
        ("name,value,count,seed\na,1,2,3\n", "has no column 'speed'"),
        ("name,value,count,seed,speed,is_seen\na,1\n", "cannot be read .*could not convert|invalid literal"),
        (
            "name,value,count,seed,speed,is_seen\na,x,2,3,4,True\n",
            r"cannot be read \(could not convert string to float: 'x'\)",
        ),
        ("name,value,count,seed,speed,is_seen\na,1,2.5,3,4,True\n", "cannot be read .*'2.5'"),
        ("name,value,count,seed,speed,is_seen\na,1,2,3,4,True,5\n", "line 2 has more cells than the first line"),
        ("name,value,count,seed,speed,is_seen\na,1,2,3,4,yes\n", "cannot be read .*'yes' is neither True nor False"),
    ],
)
def test_a_damaged_table_is_an_error(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "table.csv").write_text(text)
    with pytest.raises(RunFolderError, match=reason):
        read_rows(tmp_path / "table.csv", Measured)


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def rows():
        yield ROWS[0]
        raise RuntimeError("no second row")

    with pytest.raises(RuntimeError, match="no second row"):
        write_rows(tmp_path / "table.csv", rows(), Measured._fields)
    assert not list(tmp_path.iterdir())


def test_markdown_aligns_text_left_and_numbers_right() -> None:
    assert markdown_table(["Scene", "Method", "RMSE"], [["a", "dsen2", "35.57"]], text_columns=2) == (
        "| Scene | Method | RMSE |\n|---|---|---:|\n| a | dsen2 | 35.57 |"
    )
    assert markdown_table(["Class", "F1"], []) == "| Class | F1 |\n|---|---:|"


def test_only_shared_names_become_longer() -> None:
    assert distinct_names(["a", "b", "a"], ["a1", "b1", "a2"]) == ["a1", "b", "a2"]
    assert distinct_names(["a", "a", "a"], ["a1", "a1", "a2"], ["x", "y", "z"]) == ["x", "y", "a2"]
    assert distinct_names(["a", "a"]) == ["a", "a"]


@given(names=st.lists(st.sampled_from("abc"), max_size=8))
def test_numbered_names_are_always_distinct(names: list[str]) -> None:
    numbered = [f"{name} {index}" for index, name in enumerate(names)]
    distinct = distinct_names(names, numbered)
    assert len(set(distinct)) == len(names)
    assert all(name in (short, long) for name, short, long in zip(distinct, names, numbered, strict=True))
