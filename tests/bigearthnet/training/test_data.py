"""The patches of a training: each split has its own."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import open_data
from common.errors import PatchFileError, SettingError
from tests.support.flips import flip_bit
from tests.support.made_patches import write_made

SPLITS = ["val", "train", "test", "train", "val", "train"]


def test_each_split_has_its_own_rows(tmp_path: Path) -> None:
    path = write_made(tmp_path / "made.h5", SPLITS)
    data = open_data(BigEarthNetConfig(data=str(path), bands="rgb"))
    for split in ("train", "val", "test"):
        patches = getattr(data, split)
        np.testing.assert_array_equal(patches.rows, np.flatnonzero(np.array(SPLITS) == split))
        assert patches.image_shapes == {"s2_10m": (120, 120, 4)}
        assert patches.file is data.file


def test_a_staged_file_is_read_from_its_copy(tmp_path: Path) -> None:
    """Names and labels, too; records name the file itself."""
    path = write_made(tmp_path / "made.h5", SPLITS)
    config = BigEarthNetConfig(data=str(path), bands="rgb")
    expected = open_data(config).train.read(np.arange(2))
    data = open_data(config, tmp_path / "stage")
    path.write_bytes(b"")
    assert data.file.path == path
    read = data.train.read(np.arange(2))
    assert all((read[name] == expected[name]).all() for name in ("s2_10m", "labels"))
    (copy,) = (tmp_path / "stage").iterdir()
    with pytest.raises(PatchFileError, match=rf"^{path} "):
        open_data(config, tmp_path / "stage")
    flip_bit(copy, 0, 0)
    with pytest.raises(PatchFileError, match=r"made-\w+\.staged\.h5 .*; remove this copy, and --stage makes it again"):
        BigEarthNetFile(path, copy)


def test_file_without_sentinel_1(tmp_path: Path) -> None:
    path = write_made(tmp_path / "made.h5", SPLITS)
    with pytest.raises(SettingError, match=r"made\.h5 holds no Sentinel-1, which --bands s1 needs"):
        open_data(BigEarthNetConfig(data=str(path), bands="s1"))
