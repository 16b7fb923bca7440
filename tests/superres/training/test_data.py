"""The split of patches into training and validation, with and without a teacher."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import SettingError
from common.patches.file import PatchFile
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.training.data import hold_out_blocks, split_patches
from tests.support.patch_files import write_random_patches
from tests.support.tiny_training import write_scenes


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Scene, ...]:
    """Two scenes that share no ground."""
    return read_tile_list(write_scenes(tmp_path, size=48))


@pytest.fixture
def files(scenes: tuple[Scene, ...], tmp_path: Path) -> list[PatchFile]:
    """Patch files of the scenes, with three blocks each."""
    return [write_random_patches(tmp_path, scene.name, seed=i, count=6) for i, scene in enumerate(scenes)]


@pytest.mark.parametrize("held_out_block", range(3))
def test_each_patch_is_on_one_side_of_the_split(files: list[PatchFile], held_out_block: int) -> None:
    held_out = {files[0].attributes["scene"]: (held_out_block,), files[1].attributes["scene"]: ()}
    train, val = split_patches(files, files, held_out, 20)
    sides = [list(zip(side.file_indices.tolist(), side.rows.tolist(), strict=True)) for side in (train, val)]
    assert sorted(sides[0] + sides[1]) == [(i, row) for i in range(2) for row in range(6)]
    assert all(files[i].arrays["block"][row] == held_out_block and i == 0 for i, row in sides[1])


def test_validation_uses_native_targets(files: list[PatchFile], tmp_path: Path) -> None:
    """A teacher file can hold several variants of each patch; none of a held-out block is trained on."""
    (tmp_path / "teacher").mkdir()
    teacher_files = [
        write_random_patches(tmp_path / "teacher", file.attributes["scene"], seed=9, count=12) for file in files
    ]
    for file in teacher_files:
        file.arrays["block"] = np.tile(files[0].arrays["block"], 2)
    held_out = {file.attributes["scene"]: (1,) for file in files}
    train, val = split_patches(teacher_files, files, held_out, 20)
    assert (train.files, val.files) == (teacher_files, files)
    assert (len(train), len(val)) == (2 * 2 * 4, 2 * 2)
    assert 1 not in {
        teacher_files[i].arrays["block"][row] for i, row in zip(train.file_indices, train.rows, strict=True)
    }


def test_held_out_blocks(scenes: tuple[Scene, ...], files: list[PatchFile]) -> None:
    blocks, held_out = hold_out_blocks(scenes, files, 0.5)
    assert [(scene.name, scene.blocks) for scene in blocks] == [(scene.name, (0, 1, 2)) for scene in scenes]
    assert held_out.keys() == {scene.name for scene in scenes}
    assert sum(map(len, held_out.values())) == 3
    assert hold_out_blocks(scenes, files, 0.5)[1] == held_out  # the same in every run
    assert not any(hold_out_blocks(scenes, files, 0.0)[1].values())


def test_a_single_block_cannot_be_split(scenes: tuple[Scene, ...], tmp_path: Path) -> None:
    file = write_random_patches(tmp_path, scenes[0].name, count=2)
    with pytest.raises(SettingError, match="cannot be split into training and validation"):
        hold_out_blocks(scenes[:1], [file], 0.1)
