"""Copies on a disk of the node: made once, used again, made anew when they must be, and never half a copy."""

import logging
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import Interrupted, OutputError, PatchFileError
from common.files.atomic import HOST
from common.patches import staging
from common.patches.file import PATCH_FILE, PatchFile
from common.patches.staging import LOCK, Original, check_stage, describe_original, stage_files
from common.runs import signals
from common.runs.locks.lock import Lock, release, take
from tests.support.flips import flip_bit
from tests.support.patch_files import write_random_patches
from tests.support.permissions import as_nobody, without_permission
from tests.support.training_bench import largest_file


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary folder that other users may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def originals(place: Path) -> list[Original]:
    """Two patch files."""
    return [original_of(write_random_patches(place, name, seed=seed)) for seed, name in enumerate("ab")]


@pytest.fixture
def folder(place: Path) -> Path:
    """A folder to stage into, which does not exist."""
    return place / "local" / "stage"


def original_of(file: PatchFile) -> Original:
    return describe_original(file.path, file.attributes, PATCH_FILE)


def inodes(paths: list[Path]) -> list[int]:
    return [path.stat().st_ino for path in paths]


def refusal(originals: list[Original], folder: Path) -> str:
    """Return the message of a refusal, which leaves no file in the folder."""
    with pytest.raises((OutputError, PatchFileError)) as caught:
        stage_files(originals, folder)
    assert not folder.is_dir() or list(folder.iterdir()) == []
    return str(caught.value)


def test_copies_are_read_in_place_of_the_files(
    originals: list[Original], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contents = [original.path.read_bytes() for original in originals]
    expected = [PatchFile(original.path).arrays["target"][:] for original in originals]
    with caplog.at_level(logging.INFO):
        copies = stage_files(originals, folder)
    size = sum(map(len, contents)) / 1e6
    assert re.fullmatch(
        rf"--stage {folder}: 2 files of {size:.1f} MB; nodes: 1; copied now: 2 files of {size:.1f} MB in \d+\.\d s",
        caplog.messages[-1],
    )
    assert [copy.read_bytes() for copy in copies] == contents
    assert sorted(folder.iterdir()) == sorted(copies)
    for original, copy, target in zip(originals, copies, expected, strict=True):
        original.path.unlink()
        file = PatchFile(original.path, copy)
        assert file.path == original.path
        np.testing.assert_array_equal(file.arrays["target"], target)


def test_copies_that_are_there_are_used_again(
    originals: list[Original], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also in a folder that nobody may write to."""
    before = inodes(stage_files(originals, folder))
    with as_nobody(folder), caplog.at_level(logging.INFO):
        assert inodes(stage_files(originals, folder)) == before
    assert "copied now: 0 files" in caplog.text


@pytest.mark.parametrize("change", [{"seed": 7}, {"offsets": -1000.0}], ids=str)
def test_a_file_that_has_changed_gets_another_copy(
    originals: list[Original], folder: Path, place: Path, change: dict
) -> None:
    (first, other) = stage_files(originals, folder)
    changed = original_of(write_random_patches(place, "a", **change))
    second, same = stage_files([changed, originals[1]], folder)
    assert second != first and same == other
    assert second.read_bytes() == changed.path.read_bytes() != first.read_bytes()


def cut_short(copy: Path) -> None:
    os.truncate(copy, copy.stat().st_size - 1)


def flip_a_seal(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        file["row"][0] += 1


@pytest.mark.parametrize("damage", [cut_short, flip_a_seal, lambda copy: copy.write_bytes(b"")])
def test_a_damaged_copy_is_made_again(originals: list[Original], folder: Path, damage: Callable[[Path], None]) -> None:
    copies = stage_files(originals, folder)
    before = inodes(copies)
    damage(copies[0])
    after = inodes(stage_files(originals, folder))
    assert after[0] != before[0] and after[1] == before[1]
    assert copies[0].read_bytes() == originals[0].path.read_bytes()


def test_a_damaged_image_of_a_copy_is_found_when_it_is_read(originals: list[Original], folder: Path) -> None:
    copy = stage_files(originals, folder)[0]
    with h5py.File(copy) as file:
        offset = file["target"].id.get_offset()
    flip_bit(copy, offset, 0)
    with pytest.raises(
        PatchFileError, match=r"\.staged\.h5 is damaged: target of .*; remove this copy, and --stage makes"
    ):
        PatchFile(originals[0].path, copy).arrays["target"][:]


def test_a_full_disk_names_what_is_needed_and_what_is_free(originals: list[Original], folder: Path) -> None:
    huge = [originals[0], originals[1]._replace(size=10**18)]
    needed = f"{originals[0].size + 10**18:,}"
    assert re.fullmatch(
        rf"--stage {folder} has [\d,]+ bytes free, and the copies of 2 files need {needed}; make space there, .*",
        refusal(huge, folder),
    )


def test_a_disk_that_becomes_full_keeps_no_half_copy(originals: list[Original], folder: Path) -> None:
    with largest_file(originals[0].size - 100):
        assert re.fullmatch(r"cannot write \S+a-20m-\w+\.staged\.h5: File too large; .*", refusal(originals, folder))


@pytest.mark.parametrize("name", ["stage", "local"])
def test_a_file_in_the_place_of_the_folder(originals: list[Original], folder: Path, name: str) -> None:
    path = folder if name == "stage" else folder.parent
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert refusal(originals, folder) == (
        f"cannot make --stage {folder}: it, or a folder above it, is a file; give another folder."
    )


def test_no_folder_is_made_without_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    check_stage(None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_nobody_may_write_to(originals: list[Original], folder: Path) -> None:
    check_stage(folder)
    with as_nobody(folder):
        expected = f"cannot write {folder / LOCK}: Permission denied; check space and permissions there."
        assert refusal(originals, folder) == expected
        with pytest.raises(OutputError, match=re.escape(expected)):
            check_stage(folder)
        new = folder / "new"
        assert refusal(originals, new) == f"cannot make --stage {new}: Permission denied; give another folder."


def test_a_file_that_cannot_be_read(originals: list[Original], folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o777)
    folder.chmod(0o777)
    with without_permission(originals[0].path):
        message = refusal(originals, folder)
    assert message == f"{originals[0].path} cannot be read (Permission denied); check its permissions."
    originals[0].path.unlink()
    message = refusal(originals, folder)
    assert message == f"{originals[0].path} cannot be read (No such file or directory); check the path."


def test_a_file_that_is_replaced_before_it_is_copied(originals: list[Original], folder: Path, place: Path) -> None:
    write_random_patches(place, "a", seed=7)
    assert re.fullmatch(
        rf"the copy of {originals[0].path} in {folder} is not as the file was: it was changed meanwhile, or .*; run the same "
        r"command again\.",
        refusal(originals, folder),
    )


@contextmanager
def at_each_block(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> Iterator[None]:
    """Do something whenever a block was copied."""
    progress = staging.progress

    @contextmanager
    def acting(*args) -> Iterator[Callable]:
        with progress(*args) as advance:
            yield lambda count: (act(), advance(count))

    with monkeypatch.context() as patch:
        patch.setattr(staging, "progress", acting)
        yield


def test_a_file_that_is_written_to_while_it_is_copied(
    originals: list[Original], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = originals[0].path
    with at_each_block(monkeypatch, lambda: os.utime(path)):
        assert "is not as the file was: it was changed meanwhile" in refusal(originals, folder)


def test_a_signal_ends_the_copying(originals: list[Original], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stops = at_each_block(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with signals.noted_signals(), stops, pytest.raises(Interrupted, match="stopped by SIGUSR1"):
        stage_files(originals, folder)
    assert list(folder.iterdir()) == []


def test_a_second_job_waits_and_uses_the_copies_of_the_first(
    originals: list[Original], folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(staging, "LOOK_S", 0.01)
    copies = [original.copy_in(folder) for original in originals]
    folder.mkdir(parents=True)
    lock = Lock(folder / LOCK, folder, "--stage")
    take(lock)
    second = threading.Thread(target=stage_files, args=(originals, folder))
    with caplog.at_level(logging.INFO):
        second.start()
        waits, deadline = f"waiting, because {folder} is in use by process {os.getpid()} on", time.monotonic() + 30
        while waits not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        for original, copy in zip(originals, copies, strict=True):
            shutil.copy(original.path, copy)
        before = inodes(copies)
        release(lock)
        second.join(30)
    levels = [record.levelname for record in caplog.records if waits in record.message]
    assert levels == ["WARNING"]  # so that any rank shows it
    assert "copied now: 0 files" in caplog.text
    assert inodes(copies) == before


def test_what_a_killed_job_has_left_is_removed(originals: list[Original], folder: Path) -> None:
    folder.mkdir(parents=True)
    left = folder / f".other-{HOST}.1.abc.partial.{originals[0].copy_in(folder).name}"  # of another machine
    kept = folder / ".other.1.abc.partial.notes.txt"
    left.write_text("half")
    kept.write_text("")
    copies = stage_files(originals, folder)
    assert sorted(folder.iterdir()) == sorted([kept, *copies])


def test_a_file_of_an_older_version_is_copied(originals: list[Original], folder: Path) -> None:
    path = originals[0].path
    with h5py.File(path, "r+") as file:
        del file["patch_xxh3"], file.attrs["seal"]
        file.attrs["schema_version"] = 1
    (copy,) = stage_files([original_of(PatchFile(path))], folder)
    assert copy.read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(PatchFile(path, copy).arrays["target"], PatchFile(path).arrays["target"])
