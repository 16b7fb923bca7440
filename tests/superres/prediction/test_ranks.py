"""A rank that has a scene to itself. `tests/mpi/test_predict.py` tests several ranks."""

import numpy as np
import pytest

from common.errors import ProductError
from common.pixels.windows import Window
from superres.prediction.ranks import RankGroup
from superres.prediction.strip import Strip


def test_columns_of_one_rank_are_all_columns():
    columns = np.arange(24).reshape(2, 4, 3)
    np.testing.assert_array_equal(RankGroup().join_columns(columns), columns)


def test_one_rank_does_all_work():
    assert RankGroup().share("abc", str.upper) == ["A", "B", "C"]
    assert RankGroup().share("", str.upper) == []


def test_strips_come_in_their_order():
    strips = [Strip(Window(row, 0, 6, 6), {}, {}) for row in (0, 6, 12)]
    assert list(RankGroup().iterate_together(iter(strips))) == strips


def test_an_error_ends_the_strips():
    def fail_late():
        yield Strip(Window(0, 0, 6, 6), {}, {})
        raise ProductError("B05 is damaged.")

    strips = RankGroup().iterate_together(fail_late())
    assert next(strips).window.row == 0
    with pytest.raises(ProductError, match=r"^B05 is damaged\.$"):
        next(strips)
