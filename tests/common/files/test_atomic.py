"""Files appear whole or not at all, outlast power cuts, and killed processes leave nothing that stays."""

import errno
import os
import re
import resource
import secrets
import stat
import subprocess
import time
from pathlib import Path

import pytest

from common.errors import OutputError, ProductNotFoundError
from common.files.atomic import (
    HOST,
    is_partial,
    make_folder,
    move_into_place,
    remove_abandoned,
    require_folder_of,
    require_space,
    temporary_folder,
    whole_file,
    write_text,
)
from tests.support.disk_steps import note_disk_steps

REPOSITORY = Path(__file__).resolve().parents[3]
# Other ways to write files or to make folders.
OTHER_WAYS = re.compile(
    r"\.(mkdir|rename|symlink_to|hardlink_to)\(|os\.(replace|rename|mkdir|makedirs)\(|mkstemp|NamedTemporaryFile"
    r"|TemporaryDirectory|(?<!temporary)\.write_(text|bytes)\(|(open\w*|File)\((?!temporary|os\.devnull)[^)]*\"[wx]"
)


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


def test_no_other_module_writes_or_renames_files_or_makes_folders():
    modules = [
        path for package in ("common", "superres", "bigearthnet") for path in (REPOSITORY / package).rglob("*.py")
    ]
    found = {
        f"{path.relative_to(REPOSITORY)}: {line.strip()}"
        for path in modules
        if path.name != "atomic.py" and path.parent.name != "locks"  # locks tell of living processes only
        for line in path.read_text().splitlines()
        if OTHER_WAYS.search(line)
    }
    assert found == {
        # A prepared file is made under a temporary name, but filled in place.
        'bigearthnet/prepared/writer.py: with open_hdf5(path, "w", alignment_threshold=_PAGE_BYTES, '
        "alignment_interval=_PAGE_BYTES) as file:",
        'common/files/hdf5.py: with h5py.File(image, "w") as file:',  # in memory
        # No file on a disk: the system obeys what is written.
        'superres/evaluation/cost.py: CLEAR_REFS.write_bytes(b"5")',
        # Files of the system's own folder for temporary files, which vanish with their block.
        'bigearthnet/studies/inputs.py: with tempfile.TemporaryFile("w+", errors="replace") as log:',
        "bigearthnet/studies/inputs.py: with tempfile.TemporaryDirectory() as folder:",
        "common/networks/openvino_network.py: with tempfile.TemporaryDirectory() as folder:",
    }


def test_two_files_of_one_name_are_written_at_once(tmp_path):
    path = tmp_path / "out.txt"
    with whole_file(path) as first, whole_file(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_text(tmp_path / "out.txt", "text")
    usual, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "out.txt"))
    assert ours == usual


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda count: "guessed")
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / f".{HOST}.{os.getpid()}.guessed.partial.out.txt").symlink_to(tmp_path / "thesis.tex")
    with pytest.raises(OutputError, match=r"cannot write .*out\.txt: File exists"):
        write_text(tmp_path / "out.txt", "text")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.fixture
def steps(monkeypatch):
    return note_disk_steps(monkeypatch)


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_then_the_name(tmp_path, steps):
    with whole_file(tmp_path / "out.txt") as temporary:
        temporary.write_text("text")
        assert steps == []
    assert steps == [("sync", temporary.name), ("rename", temporary.name), ("sync", tmp_path.name)]


def test_new_folders_are_on_the_disk(tmp_path, steps):
    make_folder(tmp_path / "a" / "b")
    assert steps == [("sync", "a"), ("sync", tmp_path.name)]
    make_folder(tmp_path / "a" / "b")
    assert len(steps) == 2


def test_file_systems_that_cannot_sync_a_folder_are_used(tmp_path, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    for number in (errno.EINVAL, errno.ENOTSUP):
        write_text(tmp_path / "out.txt", f"{number}")
        assert (tmp_path / "out.txt").read_text() == f"{number}"
    number = errno.EIO
    with pytest.raises(OutputError, match="Input/output error"):
        write_text(tmp_path / "out.txt", "lost")
    assert (tmp_path / "out.txt").read_text() == f"{errno.ENOTSUP}"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everywhere")
def test_a_folder_that_cannot_be_read_is_written_to(tmp_path):
    tmp_path.chmod(0o300)
    try:
        write_text(tmp_path / "out.txt", "text")
    finally:
        tmp_path.chmod(0o700)
    assert (tmp_path / "out.txt").read_text() == "text"


def ended_process_id() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as child:
        return child.pid


def left(folder: Path, process_id: int, name: str = "out.tif", host: str = HOST, age_hours: float = 0) -> str:
    """Make a temporary file as a process leaves it; return its name."""
    path = folder / f".{host}.{process_id}.1f00ba5e.partial.{name}"
    path.touch()
    modified = time.time() - 3600 * age_hours
    os.utime(path, (modified, modified))
    return path.name


def test_what_killed_processes_left_is_removed(tmp_path):
    ended = ended_process_id()
    left(tmp_path, ended)
    left(tmp_path, ended, "other.tif.ovr.tmp")
    left(tmp_path, 10, host="elsewhere.example", age_hours=25)
    (tmp_path / f".{HOST}.{ended}.partial.of-an-older-version.h5").touch()
    (tmp_path / f".{HOST}.{ended}.a_b0.partial.folder" / "in it").mkdir(parents=True)
    kept = {
        left(tmp_path, os.getpid(), age_hours=100),
        left(tmp_path, 1, age_hours=100),
        left(tmp_path, ended, host="elsewhere", age_hours=23),
        left(tmp_path, ended, host=f"{HOST}-4026532001", age_hours=23),  # a container
        left(tmp_path, ended, host=os.uname().nodename, age_hours=23),  # another machine of the same name
        left(tmp_path, 10**20, age_hours=100),  # no number of a process
        "out.tif",
        f"{HOST}.{ended}.partial.out.tif",
    }
    (tmp_path / "out.tif").touch()
    (tmp_path / f"{HOST}.{ended}.partial.out.tif").touch()
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "new"),
        lambda path: require_space(path, 10),
        lambda path: temporary_folder(path).cleanup(),
    ],
)
def test_whatever_writes_into_a_folder_removes_what_was_left_there(tmp_path, write):
    left(tmp_path, ended_process_id(), "of-another-name.h5")
    write(tmp_path / "out.txt")
    assert {path.name for path in tmp_path.iterdir()} <= {"out.txt"}


def test_a_link_to_a_folder_is_removed_and_the_folder_stays(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / f".{HOST}.{ended_process_id()}.aa.partial.out").symlink_to(tmp_path / "precious")
    remove_abandoned(tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []
    assert (tmp_path / "precious").is_dir()


def test_a_temporary_folder_is_recognized_and_its_content_moved(tmp_path, steps):
    with temporary_folder(tmp_path / "sample") as name:
        assert is_partial(Path(name))
        (Path(name) / "sample").mkdir()
        move_into_place(Path(name) / "sample", tmp_path / "sample")
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]
    assert steps == [("sync", "sample"), ("rename", "sample"), ("sync", tmp_path.name)]


def test_a_file_needs_a_folder_above_it(tmp_path):
    (tmp_path / "results").touch()
    require_folder_of(tmp_path / "out.txt")
    with pytest.raises(OutputError, match=r"the folder .*missing does not exist; create it"):
        require_folder_of(tmp_path / "missing" / "out.txt")
    for below in ("out.txt", "missing/out.txt"):
        with pytest.raises(OutputError, match=r"results is a file, and no folder; give another --output"):
            require_folder_of(tmp_path / "results" / below)
