"""The record of a study."""

import pytest

from common.studies.study import Study


def test_the_reference_is_one_of_the_variants() -> None:
    assert Study("losses", "Which loss?", {"l1": {}}, "l1", ("rmse",)).quick == {}
    with pytest.raises(ValueError, match="compares with 'l2', which it does not vary"):
        Study("losses", "Which loss?", {"l1": {}}, "l2", ("rmse",))
