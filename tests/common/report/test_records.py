"""Columns from titles of metrics."""

import pytest

from common.report.records import Column


@pytest.mark.parametrize(
    "title, expected",
    [
        ("RMSE (DN) ↓", Column("RMSE (DN)", 2, "lower")),
        ("UIQ ↑", Column("UIQ", 2, "higher")),
        ("Parameters", Column("Parameters", 2, "")),
    ],
)
def test_the_arrow_of_a_title_says_which_values_are_better(title: str, expected: Column) -> None:
    assert Column.of_metric(title, 2) == expected
