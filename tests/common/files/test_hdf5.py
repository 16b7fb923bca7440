"""Our HDF5 files: whole or not at all, checked when they are opened, mapped into memory."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import OutputError, PatchFileError, SettingError
from common.files.hdf5 import FileKind, checksum_arrays, map_array, open_complete_hdf5, open_hdf5, whole_hdf5
from tests.support.permissions import without_permission

KIND = FileKind("test file", "make-test-file", mark="made_for_tests", schema_version=3, remedy="make it again")
ATTRIBUTES = {"made_for_tests": "", "schema_version": 3, "complete": True, "checksum": "12"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A complete file of the kind."""
    with whole_hdf5(tmp_path / "a.h5") as file:
        file["values"] = np.arange(1000)
        file.attrs.update(ATTRIBUTES)
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
        file.attrs["changed"] = True
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


@settings(max_examples=20)
@given(hnp.arrays(st.sampled_from([np.uint16, np.float32, "S3"]), hnp.array_shapes(max_dims=3, max_side=5)))
def test_a_mapped_array_is_the_dataset(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("mapped") / "a.h5"
    with h5py.File(path, "w") as file:
        file["values"] = array
    with h5py.File(path) as file:
        mapped = map_array(path, file["values"])
    assert mapped.dtype == array.dtype
    np.testing.assert_array_equal(mapped, array)
    assert not mapped.flags.writeable


def test_a_chunked_dataset_cannot_be_mapped(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        dataset = file.create_dataset("chunked", data=np.ones((4, 4)), chunks=(2, 2))
        with pytest.raises(ValueError, match="/chunked is not contiguous"):
            map_array(path, dataset)


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
