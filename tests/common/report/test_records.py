"""Columns of metrics."""

import pytest

from common.metrics.descriptions import DESCRIPTIONS
from common.report.records import Column


@pytest.mark.parametrize(
    "metric, expected",
    [
        ("rmse", Column("RMSE (DN)", 2, "lower")),
        ("uiq", Column("UIQ", 2, "higher")),
        ("sharpness", Column("Sharpness (truth about 0.9)", 2, "")),  # it may be larger than that of the truth
        ("square_share", Column("Share of the brightest 1 % in squared errors (%)", 2, "")),
    ],
)
def test_the_best_values_are_those_in_the_better_direction_of_a_metric(metric: str, expected: Column) -> None:
    assert Column.of_metric(DESCRIPTIONS[metric], 2) == expected
