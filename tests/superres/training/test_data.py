"""The split of patches into training and validation, with and without a teacher."""

from pathlib import Path

import numpy as np
import pytest

from common.patches.file import PatchFile
from common.patches.settings import PatchSettings
from common.patches.split import LEFT_OUT, TRAINING, VALIDATION, Cut, Split
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.networks.catalogue import NETWORKS
from superres.networks.trained import read_trained
from superres.training.config import SuperresConfig
from superres.training.data import prepare_data, select_patches, split_files, stage_patch_files, with_equal_shares
from superres.training.plan import TrainingPlan, find_cuts, find_teachers
from tests.support.fake_safe import write_safe
from tests.support.patch_files import write_random_patches
from tests.support.tiny_training import tiny_network, write_scenes, write_trained_run

LEVELS_AND_TILES = (("L2A", "T32TNS"), ("L1C", "T32TPS"))


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Scene, ...]:
    """Two scenes that share no ground."""
    return read_tile_list(write_scenes(tmp_path, size=48))


@pytest.fixture
def files(scenes: tuple[Scene, ...], tmp_path: Path) -> list[PatchFile]:
    """Patch files of the scenes, with three blocks each."""
    return [write_random_patches(tmp_path, scene.name, seed=i, count=6) for i, scene in enumerate(scenes)]


def a_split(*sides: list[int]) -> Split:
    """A split with these sides of the six patches of each scene."""
    return Split((), tuple(np.array(scene_sides) for scene_sides in sides))


def test_each_side_gets_its_patches(files: list[PatchFile]) -> None:
    split = a_split([TRAINING, VALIDATION, LEFT_OUT] * 2, [TRAINING] * 6)
    train, val = select_patches(files, files, split, 20)
    sides = [list(zip(side.file_indices.tolist(), side.rows.tolist(), strict=True)) for side in (train, val)]
    assert sides == [[(0, 0), (0, 3), *((1, row) for row in range(6))], [(0, 1), (0, 4)]]


def test_validation_uses_native_targets(files: list[PatchFile], tmp_path: Path) -> None:
    """A teacher file can hold several variants of each patch; no variant of a held-out patch is trained on."""
    (tmp_path / "teacher").mkdir()
    teacher_files = [
        write_random_patches(tmp_path / "teacher", file.attributes["scene"], seed=9, count=12) for file in files
    ]
    split = a_split(*[[TRAINING, TRAINING, VALIDATION, LEFT_OUT, TRAINING, TRAINING]] * 2)
    train, val = select_patches(teacher_files, files, split, 20)
    assert (train.files, val.files) == (teacher_files, files)
    assert train.rows.tolist() == [0, 1, 4, 5, 6, 7, 10, 11] * 2
    assert val.rows.tolist() == [2, 2]


def test_each_scene_is_predicted_by_the_teacher_of_its_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each scale of a joint network, and whatever the order of scenes and teachers."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    wanted = ((60, "L2A"), (20, "L1C"), (60, "L1C"), (20, "L2A"))
    runs = [
        write_trained_run(tmp_path / f"{level}-{gsd}", gsd, level, seed) for seed, (gsd, level) in enumerate(wanted)
    ]
    digests = {key: read_trained(run).sha256 for key, run in zip(wanted, runs, strict=True)}
    products = [write_safe(tmp_path, level=level, tile=tile, size=120) for level, tile in LEVELS_AND_TILES]
    (tmp_path / "tiles.txt").write_text("\n".join(product.stem for product in products))
    config = SuperresConfig(
        tiles=str(tmp_path / "tiles.txt"),
        model="joint",
        gsd=(20, 60),
        teacher=tuple(runs),
        patches_per_tile=2,
        validation_fraction=0,
        patch_cache=str(tmp_path / "patches"),
    )
    scenes = read_tile_list(tmp_path / "tiles.txt")
    plan = TrainingPlan(scenes, (), find_teachers(config, scenes), find_cuts(scenes, config.patches))
    files = prepare_data(config, plan).files
    assert len(files) == 2 * len(scenes)
    for cut, file in zip(plan.cuts, files, strict=True):
        assert file.attributes["teacher_sha256"] == " ".join(digests[gsd, cut.scene.level] for gsd in (20, 60))


def test_staged_files_are_read_from_their_copies(files: list[PatchFile], tmp_path: Path) -> None:
    expected = [file.arrays["target"][:] for file in files]
    staged = stage_patch_files([*files, *files], tmp_path / "stage")
    assert len(staged) == len(files)
    for file, target in zip(files, expected, strict=True):
        copy = staged[file.path]
        file.path.unlink()
        assert (copy.path, copy.attributes["checksum"]) == (file.path, file.attributes["checksum"])
        np.testing.assert_array_equal(copy.arrays["target"][:], target)


def test_files_are_split_by_ground(scenes: tuple[Scene, ...], tmp_path: Path) -> None:
    """The patches of each scene lie in three blocks, one after the other."""
    files = [write_random_patches(tmp_path, scene.name, count=6) for scene in scenes]
    for file in files:
        file.arrays["row"], file.arrays["col"] = np.zeros(6, np.int32), np.arange(6, dtype=np.int32) // 2 * 40
    cuts = [Cut(scene, PatchSettings(20, 6)) for scene in scenes]
    ground, split = split_files(cuts, files, 0.5)
    assert [scene.name for scene in ground] == [scene.name for scene in scenes]
    assert [split.count(side) for side in (TRAINING, VALIDATION, LEFT_OUT)] == [6, 6, 0]
    again = split_files(cuts, files, 0.5)[1]  # the same in every run
    assert all((a == b).all() for a, b in zip(split.sides, again.sides, strict=True))
    assert split_files(cuts, files, 0.0)[1].count(TRAINING) == 12


def test_scarce_scales_are_repeated() -> None:
    """9 patches at scale 1 and 4 at scale 6, in three files: the latter count twice. A file without patches stays empty."""
    rows = [np.arange(9), np.arange(3), np.arange(1), np.arange(0)]
    equal = with_equal_shares(rows, [1, 6, 6, 2])
    assert [len(file_rows) for file_rows in equal] == [9, 6, 2, 0]
    assert sorted(equal[1].tolist()) == [0, 0, 1, 1, 2, 2]
