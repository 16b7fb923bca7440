"""Files appear whole or not at all."""

import resource
from pathlib import Path

import pytest

from common.errors import OutputError, ProductNotFoundError
from common.files.atomic import require_space, whole_file, write_text
from common.files.downloads import cache_folder


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "out.tif"
    with whole_file(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".tif"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RuntimeError])
def test_an_error_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "out.txt"
    write_text(path, "old")
    with pytest.raises(error), whole_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_system_becomes_ours(tmp_path):
    with (
        pytest.raises(OutputError, match=r"cannot write .*out\.txt: No space left.*; check space and permissions"),
        whole_file(tmp_path / "out.txt") as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_our_own_errors_pass(tmp_path):
    """A product that lacks a file, found while a result is written, is not the result's fault."""
    with pytest.raises(ProductNotFoundError, match="B02 is gone"), whole_file(tmp_path / "out.tif"):
        raise ProductNotFoundError("B02 is gone")


def test_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory; check space and permissions there"):
        write_text(tmp_path / "none" / "out.txt", "text")


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Not a directory; check space and permissions there"):
        write_text(tmp_path / "file" / "out.txt", "text")


def test_path_that_is_a_folder(tmp_path):
    (tmp_path / "out.txt").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "out.txt", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_space_is_asked_for_before_it_is_needed(tmp_path):
    require_space(tmp_path / "a.h5", 10_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*a\.h5: File too large; check space and permissions"):
            require_space(tmp_path / "a.h5", 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(OutputError, match="No such file or directory"):
        require_space(tmp_path / "none" / "a.h5", 10)
    assert list(tmp_path.iterdir()) == []


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "jeoparda"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == Path(tmp_path / "home" / ".cache" / "jeoparda")
