"""Refusals of the system are told as themselves; damage is not."""

import errno
import os
from pathlib import Path

import h5py
import pytest

from common.errors import SettingError
from common.files.read_errors import (
    describe_failed_read,
    describe_missing,
    describe_no_folder,
    describe_refusal,
    find_refusal,
    nearest_existing,
    require_folder,
)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "cannot be read (Permission denied); check its permissions"),
        (errno.EPERM, "cannot be read (Operation not permitted); check its permissions"),
        (errno.ENOLCK, "cannot be read (No locks available); its file system has no locks"),
        (
            errno.ENOSYS,
            "cannot be read (Function not implemented); its file system has no locks: set HDF5_USE_FILE_LOCKING",
        ),
        (errno.ENOTSUP, "cannot be read (Operation not supported); its file system has no locks: set HDF5_USE_FILE"),
        (errno.EAGAIN, "cannot be read (Resource temporarily unavailable); another program has locked it"),
        (errno.ENOTDIR, "cannot be read (Not a directory); a file stands in its path where a folder is expected"),
        (errno.EMFILE, "cannot be read (Too many open files); close other programs"),
        (errno.EIO, "cannot be read (Input/output error); check the path, the disk and the network"),
        (errno.ESTALE, "cannot be read (Stale file handle); check the path, the disk and the network"),
    ],
)
def test_the_reason_is_that_of_the_system(number: int, message: str) -> None:
    assert describe_refusal(OSError(number, os.strerror(number))).startswith(message)


def test_an_error_number_in_the_text_of_hdf5_counts() -> None:
    text = "Can't synchronously read data (file read failed: time = 1, filename = 'a.h5', errno = 5, ...)"
    assert describe_refusal(OSError(text)).startswith("cannot be read (Input/output error)")


def test_a_file_that_is_missing_or_cut_short_is_not_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["values"] = range(1000)
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:2000])
    for name in ("a.h5", "none.h5"):
        with pytest.raises(OSError) as caught:
            h5py.File(tmp_path / name)
        assert describe_refusal(caught.value) == ""
    assert describe_refusal(ValueError("errno = 5")) == ""


def test_every_failed_read_has_a_reason_and_an_advice() -> None:
    refused, missing = (OSError(number, os.strerror(number)) for number in (errno.EIO, errno.ENOENT))
    assert describe_failed_read(refused, "unpack it") == describe_refusal(refused)
    assert describe_failed_read(missing, "unpack it") == "cannot be read (No such file or directory); unpack it"


def test_no_folder_is_a_file_or_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("none")
    paths = (tmp_path / name for name in ("none", "file", "file/below", "link"))
    assert [describe_no_folder(path) for path in paths] == [
        *("does not exist", "is a file", "does not exist"),
        f"is a link to {tmp_path}/none, which does not exist",
    ]
    require_folder("--splits", tmp_path)
    require_folder("--splits", None)
    with pytest.raises(SettingError, match=r"^--splits \S+/file is a file; give a folder that exists\.$"):
        require_folder("--splits", tmp_path / "file")


def test_a_link_to_nowhere_is_told_with_its_target(tmp_path: Path) -> None:
    for name, target in (("link", "none"), ("chain", "link"), ("whole", tmp_path)):
        (tmp_path / name).symlink_to(target)
    words = f"is a link to {tmp_path}/none, which does not exist"
    for name in ("link", "chain"):
        assert describe_missing(tmp_path / name) == words
        with pytest.raises(FileNotFoundError) as caught:
            (tmp_path / name).read_bytes()
        assert describe_refusal(caught.value) == f"{words}; correct the link"
    assert [describe_missing(tmp_path / name) for name in ("whole", "none")] == ["does not exist"] * 2
    assert describe_missing(tmp_path / "none", "is no file") == "is no file"


def test_find_refusal_reads_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    assert [find_refusal(path) for path in (tmp_path / "a", tmp_path, tmp_path / "none")] == ["", "", ""]
    assert find_refusal("/proc/self/mem") == (
        "cannot be read (Input/output error); check the path, the disk and the network, and try again"
    )


def test_the_nearest_path_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    assert nearest_existing(Path("file")) == Path("file")  # as it was given
    assert nearest_existing(Path("file/a/b")) == tmp_path / "file"
    assert nearest_existing(Path("link/a")) == tmp_path / "link"
    assert nearest_existing(Path("none/a")) == tmp_path
