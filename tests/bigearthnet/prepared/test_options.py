"""Options out of range are refused by name."""

from pathlib import Path

import pytest

from bigearthnet.prepared.options import PreparationOptions
from common.errors import SettingError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"processes": 0}, "--processes must be at least 1; got 0"),
        ({"split_by_region": -1}, "--split-by-region must be at least 0; got -1"),
    ],
)
def test_values_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        PreparationOptions(Path("archive"), Path("data.h5"), **values)


def test_the_smallest_values_are_accepted() -> None:
    options = PreparationOptions(Path("archive"), Path("data.h5"), processes=1, split_by_region=0)
    assert (options.processes, options.split_by_region) == (1, 0)
