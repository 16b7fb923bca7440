"""Variants: a run folder for each label and seed, and no two runs in one folder."""

from pathlib import Path

import pytest

from common.studies.variants import Variant, vary


def test_each_label_has_a_run_for_each_seed() -> None:
    varied = {"dsen2, bilinear": {"model": "dsen2"}, "l2": {"loss": "l2"}}
    variants = vary(varied, (0, 3, 0))
    assert [variant.folder_name for variant in variants] == [
        "dsen2-bilinear-seed0",
        "dsen2-bilinear-seed3",
        "l2-seed0",
        "l2-seed3",
    ]
    assert variants[3].own_settings == {"loss": "l2", "seed": 3}
    assert variants[0].folder(Path("out")) == Path("out/runs/dsen2-bilinear-seed0")


@pytest.mark.parametrize("label", ["../up", "a/b", "weight 5e-3 (gan)", "p = -1"])
def test_a_folder_name_is_one_plain_name(label: str) -> None:
    name = Variant(label, 0).folder_name
    assert Path(name).name == name
    assert " " not in name and not name.startswith("-")


def test_two_labels_never_share_a_folder() -> None:
    with pytest.raises(ValueError, match="give the same folder name"):
        vary({"a b": {}, "a, b": {}}, (0,))
