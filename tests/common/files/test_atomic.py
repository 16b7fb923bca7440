"""Files appear whole or not at all, and killed processes leave nothing that stays."""

import os
import platform
import resource
import subprocess

import pytest

from common.errors import OutputError, ProductNotFoundError
from common.files.atomic import is_partial, remove_abandoned, require_space, whole_file, write_text


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


def test_an_error_of_the_system_becomes_an_output_error(tmp_path):
    with (
        pytest.raises(OutputError, match=r"cannot write .*out\.txt: No space left.*; check space and permissions"),
        whole_file(tmp_path / "out.txt") as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_our_own_errors_stay_as_they_are(tmp_path):
    """An input file may turn out to be missing while a result is written."""
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


def test_too_little_space_is_an_error(tmp_path):
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


def test_temporary_files_are_recognized(tmp_path):
    with whole_file(tmp_path / "out.tif") as temporary:
        temporary.touch()
        assert is_partial(temporary)
    assert not is_partial(tmp_path / "out.tif")
    assert not is_partial(tmp_path / ".out.tif")
    assert not is_partial(tmp_path / "out.partial.tif")


def ended_process_id() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as child:
        return child.pid


def test_files_of_killed_processes_are_removed(tmp_path):
    def temporary(process_id: int, name: str = "out.tif", host: str = platform.node()) -> str:
        return f".{host}.{process_id}.partial.{name}"

    ended = ended_process_id()
    gone = [temporary(ended), temporary(ended, "out.tif.plain")]
    kept = [temporary(os.getpid()), temporary(1), temporary(ended, "other.tif"), temporary(ended, host="elsewhere")]
    for name in (*gone, *kept, "out.tif"):
        (tmp_path / name).touch()
    remove_abandoned(tmp_path / "out.tif")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "out.tif"}
