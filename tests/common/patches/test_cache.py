"""The patch cache: files are made once, used again, and refused if they are damaged or of other settings."""

import logging
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import PatchFileError, SettingError
from common.patches import cache
from common.patches.cache import patch_file_path, prepare_patch_files
from common.patches.file import PatchFile
from common.patches.sampling import candidate_positions
from common.patches.settings import PatchSettings
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.damaged_patches import make_older, offset_of
from tests.support.fake_safe import band_file, write_safe
from tests.support.flips import flip_bit

SETTINGS_20M = PatchSettings(20, 40)


def test_a_scene_with_too_few_positions_gives_all_of_them_and_says_so(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = PatchSettings(20, 5000)
    positions = candidate_positions(200, 200, asked)
    (file,) = prepare_patch_files((scene,), asked, tmp_path)
    stored = sorted(zip(file.arrays["row"], file.arrays["col"], file.arrays["block"], strict=True))
    assert stored == sorted(map(tuple, positions))
    assert (
        f"{len(positions)} patches of 32 px at 20 m; 5000 were asked for, the scene has no further positions"
        in caplog.text
    )


def test_a_product_of_the_same_name_and_another_size_is_refused(tmp_path: Path) -> None:
    small, large = (open_scene(write_safe(tmp_path / str(size), size=size)) for size in (120, 240))
    assert small.name == large.name
    prepare_patch_files((small,), PatchSettings(20, 2), tmp_path)
    with pytest.raises(PatchFileError, match="was made with scene_px 60 x 60, this run needs 120 x 120; move it away"):
        prepare_patch_files((large,), PatchSettings(20, 2), tmp_path)


@pytest.mark.usefixtures("line_after_each_piece")
def test_cutting_tells_how_far_it_is(scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare_patch_files((scene,), PatchSettings(20, 2), tmp_path)
    assert "cutting patches at 20 m: 1 of 1 scenes, " in caplog.text


def test_equal_seeds_give_equal_files(scene: Scene, tmp_path: Path) -> None:
    def checksum(name: str, seed: int) -> str:
        (file,) = prepare_patch_files((scene,), PatchSettings(20, 10, seed=seed), tmp_path / name)
        return file.attributes["checksum"]

    assert checksum("a", 1) == checksum("b", 1) != checksum("c", 2)


def test_a_file_that_is_there_is_used_again(scene: Scene, tmp_path: Path) -> None:
    (first,) = prepare_patch_files((scene,), SETTINGS_20M, tmp_path)
    written = first.path.stat()
    (second,) = prepare_patch_files((scene,), SETTINGS_20M, tmp_path)
    assert (second.path.stat().st_mtime_ns, second.path.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert second.attributes["checksum"] == first.attributes["checksum"]


@pytest.mark.parametrize(
    "other, difference",
    [
        (PatchSettings(20, 41), "patches_requested 40, this run needs 41"),
        (PatchSettings(20, 40, seed=1), "seed 0, this run needs 1"),
        (PatchSettings(20, 40, "mtf"), "degradation gaussian, this run needs mtf"),
    ],
)
def test_a_file_of_other_settings_is_refused(
    scene: Scene, tmp_path: Path, other: PatchSettings, difference: str
) -> None:
    (file,) = prepare_patch_files((scene,), SETTINGS_20M, tmp_path)
    before = file.path.read_bytes()
    with pytest.raises(
        PatchFileError, match=f"was made with {difference}; move it away, or give another --patch-cache"
    ):
        prepare_patch_files((scene,), other, tmp_path)
    assert file.path.read_bytes() == before


def test_patches_of_changed_files_are_cut_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = open_scene(write_safe(tmp_path, size=120))
    two = PatchSettings(20, 2)

    def cut_anew(band: str) -> bool:
        before = patch_file_path(tmp_path, scene, two).stat().st_ino
        image = band_file(scene.path, band)
        image.write_bytes(band_file(scene.path, "B04" if band == "B03" else "B10").read_bytes())
        os.utime(image, (1, 1))
        caplog.clear()
        prepare_patch_files((scene,), two, tmp_path)
        return patch_file_path(tmp_path, scene, two).stat().st_ino != before

    (first,) = prepare_patch_files((scene,), two, tmp_path)
    assert not cut_anew("B09")  # no input of a network for 20 m
    assert not caplog.messages
    assert cut_anew("B03")
    assert caplog.messages == [f"{first.path} was made from other files of B03; it is made again"]
    (second,) = prepare_patch_files((scene,), two, tmp_path)
    assert (second.arrays["input_10m"][:][..., 1] == first.arrays["input_10m"][:][..., 2]).all()


def test_files_of_older_versions_are_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They may hold saturated pixels of files of 15 bits."""
    scene, two = open_scene(write_safe(tmp_path, size=120)), PatchSettings(20, 2)
    (file,) = prepare_patch_files((scene,), two, tmp_path)
    make_older(file.path)
    with h5py.File(file.path, "r+") as old:
        del old.attrs["source_files"]
    (again,) = prepare_patch_files((scene,), two, tmp_path)
    message = f"{file.path} was made by an older version, and may hold saturated pixels; it is made again"
    assert caplog.messages == [message]
    assert again.attributes["checksum"] == file.attributes["checksum"]


def test_files_of_schema_1_are_used_if_they_are_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene, two = open_scene(write_safe(tmp_path, size=120)), PatchSettings(20, 2)
    (file,) = prepare_patch_files((scene,), two, tmp_path)
    make_older(file.path)
    (again,) = prepare_patch_files((scene,), two, tmp_path)
    assert not caplog.messages
    np.testing.assert_array_equal(again.arrays["target"], file.arrays["target"])
    flip_bit(file.path, offset_of(file.path, "target") + 100, 2)
    with pytest.raises(PatchFileError, match="is damaged: its arrays are not as they were written; move it away"):
        prepare_patch_files((scene,), two, tmp_path)


def test_a_damaged_file_is_refused_before_any_work(
    scene: Scene, scene_60m: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "make_patch_file", lambda *_: pytest.fail("patches were cut"))
    (tmp_path / f"{scene.name}-20m.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    with pytest.raises(
        PatchFileError, match=r"cut short or damaged, .*; move it away and superres-train makes it again"
    ):
        prepare_patch_files((scene_60m, scene), SETTINGS_20M, tmp_path)


def test_an_unfinished_file_never_counts(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(h5py.AttributeManager, "update", stop)  # the arrays are written, the attributes are not
    with pytest.raises(KeyboardInterrupt):
        prepare_patch_files((scene,), SETTINGS_20M, tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    killed = tmp_path / f".node.1.partial.{scene.name}-20m.h5"  # the file of a killed process
    killed.write_bytes(b"half a file")
    (file,) = prepare_patch_files((scene,), SETTINGS_20M, tmp_path)
    assert len(PatchFile(file.path)) == 40
    assert killed.read_bytes() == b"half a file"


def test_no_patches_at_all_is_an_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--patches-per-tile must be at least 1; got 0"):
        prepare_patch_files((scene,), PatchSettings(20, 0), tmp_path)


def test_a_cache_that_cannot_be_made_is_an_error(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PatchFileError, match=r"cannot make the patch cache .*; give another --patch-cache"):
        prepare_patch_files((scene,), SETTINGS_20M, Path(tmp_path / "file" / "cache"))


def test_a_file_is_named_after_scene_and_gsd(scene: Scene, tmp_path: Path) -> None:
    (file,) = prepare_patch_files((scene,), SETTINGS_20M, tmp_path / "new" / "cache")
    assert file.path == patch_file_path(tmp_path / "new" / "cache", scene, SETTINGS_20M)
    assert file.path.name == f"{scene.name}-20m.h5"
    assert list(file.path.parent.iterdir()) == [file.path]


def test_only_missing_files_are_made(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = open_scene(write_safe(tmp_path, size=120, tile="T33UUB"))
    prepare_patch_files((small,), SETTINGS_20M, tmp_path / "cache")
    made = []
    make = cache.make_patch_file
    monkeypatch.setattr(cache, "make_patch_file", lambda *arguments: made.append(arguments[0]) or make(*arguments))
    files = prepare_patch_files((small, scene), SETTINGS_20M, tmp_path / "cache")
    assert made == [scene]
    assert [file.attributes["scene"] for file in files] == [small.name, scene.name]
