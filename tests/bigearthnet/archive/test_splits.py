"""The official lists, lists in a folder, and regions drawn at random."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigearthnet.archive.splits import (
    SPLITS,
    count_splits,
    read_official_lists,
    read_official_partners,
    read_split_lists,
    split_by_region,
)
from common.errors import SettingError, TileListError
from common.files.downloads import cache_folder


def write_lists(folder: Path, **lists: str) -> Path:
    for split in SPLITS:
        (folder / f"{split}.csv").write_text(lists.get(split, ""))
    return folder


@pytest.fixture
def needs_wheel() -> None:
    if not (cache_folder() / "downloads" / "bigearthnet_common-2.8.0-py3-none-any.whl").exists():
        pytest.skip("run python common/sample.py to fetch the official lists")


def test_official_lists(needs_wheel: None) -> None:
    """Sizes as published; 61,707 patches have snow, 9,280 clouds or their shadow."""
    lists = read_official_lists()
    assert count_splits(list(lists.split_of.values())) == "train 269,695, val 123,723, test 125,866"
    assert not lists.snow_cloud & lists.split_of.keys()
    assert len(lists.snow_cloud) == 61_707 + 9_280
    assert lists.split_of["S2A_MSIL2A_20180413T95032_90_7"] == "train"  # a time without its leading zero
    assert "S2B_MSIL2A_20180204T94161_57_38" in lists.snow_cloud


@pytest.mark.slow
def test_official_partners(needs_wheel: None) -> None:
    partners = read_official_partners()
    assert len(partners) == 590_326
    assert partners["S2A_MSIL2A_20180413T95032_90_7"] == "S1A_IW_GRDH_1SDV_20180415T160451_35VLG_90_7"


def test_lists_in_a_folder(tmp_path: Path) -> None:
    lists = write_lists(tmp_path, train="# comment\r\na\r\nb,more\r\n\r\n", val="\ufeffc", test="d\n")
    assert read_split_lists(lists) == {"a": "train", "b": "train", "c": "val", "d": "test"}


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train": "a\na\n"}, r"lists a twice, in train.csv and train.csv; a patch can be in one split only"),
        ({"train": "a\n", "test": "b\na\n"}, r"lists a twice, in train.csv and test.csv"),
    ],
)
def test_a_patch_that_is_listed_twice(tmp_path: Path, lists: dict, message: str) -> None:
    with pytest.raises(TileListError, match=message):
        read_split_lists(write_lists(tmp_path, **lists))


def test_a_missing_list(tmp_path: Path) -> None:
    write_lists(tmp_path)
    (tmp_path / "val.csv").unlink()
    with pytest.raises(TileListError, match=r"val.csv cannot be read \(No such file"):
        read_split_lists(tmp_path)


@given(st.dictionaries(st.text("pqr", max_size=4), st.sampled_from("ABCDEFG"), min_size=1), st.integers(0, 99))
def test_regions_stay_whole(region_of: dict[str, str], seed: int) -> None:
    if len(set(region_of.values())) < 3:
        with pytest.raises(SettingError, match="too few for 3 splits"):
            split_by_region(region_of, seed)
        return
    split_of = split_by_region(region_of, seed)
    assert split_of.keys() == region_of.keys()
    assert len({(region, split_of[name]) for name, region in region_of.items()}) == len(set(region_of.values()))
    assert set(split_of.values()) == set(SPLITS)
    assert split_of == split_by_region(dict(reversed(region_of.items())), seed)


def test_many_regions_are_shared_out_evenly() -> None:
    region_of = {f"{number}": f"{number % 50}" for number in range(5000)}
    split_of = split_by_region(region_of, 1)
    shares = {split: list(split_of.values()).count(split) / 5000 for split in SPLITS}
    assert shares == pytest.approx({"train": 0.52, "val": 0.24, "test": 0.24}, abs=0.02)
    assert split_of != split_by_region(region_of, 2)
