"""Our HDF5 files: whole or not at all, sealed, and checked when they are opened."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import OutputError, PatchFileError, SettingError
from common.files.hdf5 import CHECKSUMS, FileKind, checksum_arrays, complete, open_complete_hdf5, open_hdf5, whole_hdf5
from tests.support.permissions import without_permission

KIND = FileKind("test file", "make-test-file", "made_for_tests", 3, remedy="make it again", older_versions=(1, 2))
ATTRIBUTES = {"made_for_tests": "", "checksum": "12"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A complete file of the kind."""
    with whole_hdf5(tmp_path / "a.h5") as file:
        file["values"] = np.arange(1000)
        file["images"], file[f"{CHECKSUMS}/images"] = np.ones((5, 7)), np.arange(5)
        file.attrs.update(ATTRIBUTES)
        complete(file, KIND)
    return tmp_path / "a.h5"


def refusal(path: Path) -> str:
    with pytest.raises(PatchFileError) as refused, open_complete_hdf5(path, KIND):
        pytest.fail("the block ran")
    return str(refused.value)


def test_a_complete_file_opens_for_reading(path: Path) -> None:
    with open_complete_hdf5(path, KIND) as file:
        np.testing.assert_array_equal(file["values"], np.arange(1000))
        assert file.mode == "r"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("made_for_tests", None, "is not a test file of make-test-file; give another file."),
        ("schema_version", None, "has schema none, this code reads 3; make it again."),
        ("schema_version", 4, "has schema 4, this code reads 3; make it again."),
        ("complete", None, "is unfinished; make it again."),
        ("complete", False, "is unfinished; make it again."),
        ("checksum", None, "is unfinished; make it again."),
    ],
)
def test_other_attributes_are_refused(path: Path, name: str, value: object, message: str) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value
    assert refusal(path) == f"{path} {message}"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.h5"
    assert refusal(missing) == f"{missing} does not exist; make-test-file makes it."
    assert refusal(tmp_path) == f"{tmp_path} is a folder; give the HDF5 file itself."


@pytest.mark.parametrize("keep", [0, 7, 500, 0.5, 0.99])
def test_a_file_cut_short_is_refused(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    assert refusal(path) == f"{path} is cut short or damaged, or is not a test file of make-test-file; make it again."


def test_a_file_is_read_and_written_without_a_lock(path: Path) -> None:
    """Some network file systems have no locks, and another program may hold one."""
    with path.open("rb") as other, open_hdf5(path, "r+") as file:
        fcntl.flock(other, fcntl.LOCK_EX)
        file["values"][0] = 0
        with open_complete_hdf5(path, KIND) as again:
            assert len(again["values"]) == 1000


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is missing")
def test_a_file_system_without_locks_is_read_and_written(path: Path, tmp_path: Path) -> None:
    """As NFS without its lock service. h5py may have been imported before `common` sets HDF5_USE_FILE_LOCKING."""
    (tmp_path / "a.c").write_text("#include <errno.h>\nint flock(int fd, int op) { errno = ENOLCK; return -1; }")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "a.so", tmp_path / "a.c"], check=True)
    code = f"import h5py; from common.files.hdf5 import open_hdf5; print(len(open_hdf5({str(path)!r}, 'r+')['values']))"
    environment = {name: text for name, text in os.environ.items() if name != "HDF5_USE_FILE_LOCKING"}
    environment["LD_PRELOAD"] = str(tmp_path / "a.so")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "1000\n", done.stderr


def test_a_file_that_the_system_refuses_is_not_called_damaged(path: Path) -> None:
    with without_permission(path):
        message = refusal(path)
    assert message == f"{path} cannot be read (Permission denied); check its permissions."


def test_an_error_of_reading_inside_the_block_means_damage(path: Path) -> None:
    with pytest.raises(PatchFileError, match=r"a.h5 is cut short or damaged"), open_complete_hdf5(path, KIND) as file:
        file["labels"][()]


def test_our_own_errors_leave_the_block_unchanged(path: Path) -> None:
    with pytest.raises(SettingError, match="no such band"), open_complete_hdf5(path, KIND):
        raise SettingError("no such band")


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_hdf5(tmp_path / "a.h5") as file:
        file["values"] = np.arange(10)
        1 // 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*a\.h5"), whole_hdf5(tmp_path / "none" / "a.h5") as file:
        file["values"] = np.arange(10)


@pytest.mark.parametrize("part", ["values", "made_for_tests", f"{CHECKSUMS}/images", "seal"])
def test_changes_are_found_by_the_seal(path: Path, part: str) -> None:
    with h5py.File(path, "r+") as file:
        if part in file:
            file[part][3] += 1
        else:
            file.attrs[part] = "changed"
    assert f"{path} is damaged: " in refusal(path)


def test_images_are_left_to_their_own_checksums(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["images"][3] += 1
    with open_complete_hdf5(path, KIND) as file:
        assert "images" in file


def test_a_file_that_has_lost_its_seal_is_damaged(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["seal"]
    assert refusal(path) == f"{path} is damaged: its seal is missing; make it again."


def test_files_of_older_schemas_have_no_seal(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["seal"]
        file.attrs["schema_version"] = 2
    with open_complete_hdf5(path, KIND) as file:
        assert len(file["values"]) == 1000


def test_the_checksum_depends_on_content_names_and_order() -> None:
    arrays = {"images": np.arange(24, dtype=np.uint16).reshape(2, 3, 4), "row": np.arange(2)}
    others = (
        {**arrays, "row": np.arange(2) + 1},
        {"images": arrays["images"], "rows": arrays["row"]},
        dict(reversed(arrays.items())),
    )
    checksums = {checksum_arrays(other) for other in (arrays, *others)}
    assert len(checksums) == 4
    assert checksum_arrays(arrays) == checksum_arrays({name: array.copy(order="F") for name, array in arrays.items()})


def test_the_checksum_is_that_of_the_bytes() -> None:
    """SHA-256 of `a`, the bytes 1 2 3 and `b`, from sha256sum."""
    arrays = {"a": np.array([1, 2, 3], np.uint8), "b": np.zeros((0, 4), np.float32)}
    assert checksum_arrays(arrays) == "253515c9578d86d58fb662588d5ad7339f8bd75ec6110b89f734cdbc52111c21"


def test_a_damaged_heap_of_texts_is_refused(tmp_path: Path) -> None:
    """A text that is longer than the heap. HDF5 would open the file, and fail when the text is read."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["pixels"] = np.arange(5000)
        file.attrs.update(scene="name of a scene", bands="B02,B03")
        file["names"] = ["one", "two"]
    with open_hdf5(path) as file:
        assert file.attrs["scene"] == "name of a scene"
    content = bytearray(path.read_bytes())
    size = content.index(b"GCOL") + 24  # of the first text
    content[size : size + 8] = (10**6).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"the heap at byte \d+ is damaged"):
        open_hdf5(path)


@pytest.mark.parametrize("length", [1001, 1002, 1003])
def test_a_text_that_states_more_bytes_than_the_file_is_refused(tmp_path: Path, length: int) -> None:
    """HDF5 asks for the stated memory, up to 4 GB, before it finds that the text is shorter."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["pixels"] = np.arange(5000)
        file.attrs.update(scene="x" * 1001, bänder=["x" * 1002, "x" * 1003])
    content = path.read_bytes()
    stated = re.search(struct.pack("<I", length) + rb"(?!\0{4})", content)  # in front of a place; sizes have 8 bytes
    for number, expected in (
        (len(content), nullcontext()),
        (len(content) + 1, pytest.raises(OSError, match="the text at")),
    ):
        path.write_bytes(content[: stated.start()] + struct.pack("<I", number) + content[stated.start() + 4 :])
        with expected:
            open_hdf5(path).close()


def test_a_text_of_a_type_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """HDF5 may crash on such a type. Here it stands in the user block in front of the content, which HDF5 does not read."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs.update(scene="name of a scene")
    content = path.read_bytes()
    place = content.index(bytes.fromhex("19010100 10000000"))
    for kind, expected in ((1, nullcontext()), (3, pytest.raises(OSError, match=r"the type at byte 0 is damaged"))):
        copy = b"\x19" + bytes([kind]) + content[place + 2 : place + 200]
        path.write_bytes(copy.ljust(512, b"\0") + content[512:])
        with expected:
            open_hdf5(path).close()


@pytest.mark.parametrize("library", ["earliest", "latest"])
def test_texts_of_all_kinds_are_whole(tmp_path: Path, library: str) -> None:
    path = tmp_path / "a.h5"
    texts = {"empty": "", "none": [], "one": "a", "table": [["a", "bc"], ["", "d"]], "long": "x" * 60_000}
    with h5py.File(path, "w", libver=library, userblock_size=512) as file:
        file["names"], file["pixels"] = ["one", "two"], np.arange(5000, dtype=np.uint8)
        for name, value in texts.items():
            file.attrs.create(name, value, dtype=h5py.string_dtype())
        file["names"].attrs.create("null", h5py.Empty(h5py.string_dtype()))
        del file.attrs["long"]
    with open_hdf5(path) as file:
        read = {name: np.array(value).tolist() for name, value in file.attrs.items()}
    del texts["long"]
    assert read == texts


def test_bytes_of_an_array_are_not_taken_for_a_heap(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["pixels"] = np.frombuffer(b"GCOL\1\0\0\0" + (4096).to_bytes(8, "little") + bytes(5000), np.uint8)
    with open_hdf5(path) as file:
        assert len(file["pixels"]) == 5016
