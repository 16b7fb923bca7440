"""The record of a study."""

import pytest

from common.studies.study import Study


def test_the_reference_is_one_of_the_variants() -> None:
    assert Study("losses", "Which loss?", {"l1": {}}, "l1", ("rmse",)).quick == {}
    with pytest.raises(ValueError, match="compares with 'l2', which it does not train"):
        Study("losses", "Which loss?", {"l1": {}}, "l2", ("rmse",))


def test_the_quick_form_leaves_out_what_is_slow() -> None:
    varied = {"small": {"model": "tiny"}, "large": {"model": "vdsen2", "batch_size": 2}}
    study = Study("networks", "Which network?", varied, "small", ("rmse",), too_slow=("large",))
    assert (study.chosen(quick=False), study.chosen(quick=True)) == (varied, {"small": {"model": "tiny"}})
    assert study.own_names == {"model", "batch_size"}
    with pytest.raises(ValueError, match="compares with 'large', which it does not train"):
        Study("networks", "Which network?", varied, "large", ("rmse",), too_slow=("large",))
