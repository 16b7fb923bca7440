"""The checks before a training write nothing."""

from pathlib import Path

import pytest

from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.plan import prepare_training
from common.errors import PatchFileError, RunFolderError, SettingError
from common.runs.opening import RunLocation
from tests.support.made_patches import split_names, write_made


def prepare(data: Path, bands: str = "s2", resume: bool = False) -> None:
    prepare_training(BigEarthNetConfig(data=str(data), bands=bands), RunLocation(data.parent / "run", resume))


def test_all_is_well_and_nothing_is_written(tmp_path: Path) -> None:
    data = write_made(tmp_path / "made.h5", split_names(1, 1, 0))
    prepare(data)
    assert [path.name for path in tmp_path.iterdir()] == ["made.h5"]


@pytest.mark.parametrize(
    "splits, message",
    [
        ((0, 1, 1), r"made\.h5 has no patch of split train, to train on; prepare it with other --splits"),
        ((1, 0, 1), r"made\.h5 has no patch of split val, to choose weights and thresholds on; prepare it"),
    ],
)
def test_split_without_patches(tmp_path: Path, splits: tuple[int, int, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        prepare(write_made(tmp_path / "made.h5", split_names(*splits)))


def test_file_without_sentinel_1(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"holds no Sentinel-1, which --bands s1s2 needs"):
        prepare(write_made(tmp_path / "made.h5", split_names(1, 1, 0)), "s1s2")


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PatchFileError, match=r"none\.h5 does not exist"):
        prepare(tmp_path / "none.h5")


def test_run_folder_that_cannot_be_used(tmp_path: Path) -> None:
    data = write_made(tmp_path / "made.h5", split_names(1, 1, 0))
    prepare(data, resume=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(RunFolderError, match=r"run holds notes\.txt, which no run writes"):
            prepare(data, resume=resume)
