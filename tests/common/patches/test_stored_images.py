"""Images are read by position, are checked once, and never end Python with a bus error."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from xxhash import xxh3_64_intdigest

from common.errors import PatchFileError
from common.files.hdf5 import CHECKSUMS
from common.patches import stored_images as module
from common.patches.file import PATCH_FILE
from common.patches.stored_images import StoredFile, StoredImages, image_checksums
from tests.support.flips import flip_bit

N = 20


def some_images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 9999, (N, 32, 32, 4), np.uint16)


def write(path: Path, images: np.ndarray, with_checksums: bool = True) -> Path:
    with h5py.File(path, "w") as file:
        file["target"] = images
        if with_checksums:
            file[f"{CHECKSUMS}/target"] = image_checksums(images)
    return path


def open_images(path: Path) -> StoredImages:
    with h5py.File(path) as file:
        return StoredImages(StoredFile(path, PATCH_FILE), file["target"], lambda row: f"patch {row} of T32TNS")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "a.h5", some_images())


def open_count() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_checksums_are_those_of_the_bytes() -> None:
    images = some_images()[:3, ::2]
    assert image_checksums(images).tolist() == [xxh3_64_intdigest(image.tobytes()) for image in images]


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(st.sampled_from([np.uint16, np.float32, ">u2"]), hnp.array_shapes(max_dims=3, max_side=5)), st.data())
def test_images_are_those_of_the_dataset(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, data) -> None:
    images = open_images(write(tmp_path_factory.mktemp("images") / "a.h5", array))
    rows = np.array(data.draw(st.lists(st.integers(-len(array), len(array) - 1))), int)
    assert (images.shape, images.ndim, images.dtype, len(images)) == (array.shape, array.ndim, array.dtype, len(array))
    assert images[rows].dtype == array.dtype
    np.testing.assert_array_equal(images[rows], array[rows])
    for index in (slice(None), slice(1, 3), 0, -1, np.arange(len(array)) % 2 == 0):
        np.testing.assert_array_equal(images[index], array[index])
    np.testing.assert_array_equal(images, array)


def test_images_are_read_into_a_batch(path: Path) -> None:
    batch = np.zeros((5, 32, 32, 4), np.uint16)
    open_images(path).read_into(batch, np.array([4, 1]), np.array([7, 0]))
    np.testing.assert_array_equal(batch[[4, 1]], some_images()[[7, 0]])
    assert not batch[[0, 2, 3]].any()


def test_stored_images_become_a_new_array(path: Path) -> None:
    np.testing.assert_array_equal(np.array(open_images(path), np.float32, copy=True), some_images())
    with pytest.raises(ValueError, match="leave out copy=False"):
        np.array(open_images(path), copy=False)


@pytest.mark.parametrize("row", [N, -N - 1])
def test_a_row_that_is_not_there_is_an_error(path: Path, row: int) -> None:
    with pytest.raises(IndexError):
        open_images(path)[np.array([0, row])]


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("target", data=np.ones((4, 4)), chunks=(2, 2))
        with pytest.raises(ValueError, match="/target is not contiguous"):
            StoredImages(StoredFile(tmp_path / "a.h5", PATCH_FILE), dataset, str)


def test_an_image_is_checked_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr(module, "xxh3_64_intdigest", lambda image: checked.append(0) or xxh3_64_intdigest(image))
    images = open_images(path)
    for rows in ([1, 2], [2, 3], [1, 2, 3]):
        images[np.array(rows)]
    assert len(checked) == 3


def test_images_without_checksums_are_read_unchecked(tmp_path: Path) -> None:
    images = open_images(write(tmp_path / "a.h5", some_images(), with_checksums=False))
    np.testing.assert_array_equal(images, some_images())


def test_a_file_that_is_cut_short_while_it_is_read(path: Path) -> None:
    images = open_images(path)
    np.testing.assert_array_equal(images, some_images())
    os.truncate(path, path.stat().st_size // 2)
    np.testing.assert_array_equal(images[:5], some_images()[:5])
    with pytest.raises(PatchFileError, match=r"a\.h5 was cut short while it was read; move it away and superres-train"):
        images[:]


def test_a_file_that_is_overwritten_while_it_is_read_is_checked_again(path: Path) -> None:
    images = open_images(path)
    images[:]
    status = path.stat()
    flip_bit(path, images._offset + 9 * 32 * 32 * 4 * 2, 7)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    with pytest.raises(PatchFileError, match=r"a\.h5 is damaged: target of patch 9 of T32TNS is not as it was written"):
        images[:]


def test_a_file_that_is_replaced_goes_on_to_be_read(path: Path, tmp_path: Path) -> None:
    images = open_images(path)
    write(tmp_path / "b.h5", some_images(1)).replace(path)
    np.testing.assert_array_equal(images, some_images())
    np.testing.assert_array_equal(open_images(path), some_images(1))


def test_few_of_many_files_are_open_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    before = open_count()
    files = [open_images(write(tmp_path / f"{number}.h5", some_images(number))) for number in range(6)]
    for number in (0, 5, 3, 1, 0, 2, 4, 5):
        np.testing.assert_array_equal(files[number][3], some_images(number)[3])
        assert open_count() - before <= 3
    write(tmp_path / "new.h5", some_images(9)).replace(tmp_path / "0.h5")
    with pytest.raises(PatchFileError, match=r"0\.h5 was replaced while it was read; run the same command again"):
        files[0][3]
    (tmp_path / "1.h5").unlink()
    with pytest.raises(PatchFileError, match=r"1\.h5 was removed while it was read"):
        files[1][3]


def test_files_close_with_their_last_reader(path: Path) -> None:
    before = open_count()
    images = open_images(path)
    assert open_count() == before + 1
    del images
    assert open_count() == before


def test_a_failing_disk_is_told_as_that(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = open_images(path)

    def fail(*arguments: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.os, "preadv", fail)
    with pytest.raises(PatchFileError, match=r"a\.h5 cannot be read \(Input/output error\); check the path, the disk"):
        images[0]


@pytest.mark.parametrize("most", [1, 1000, 8192])
def test_short_reads_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    preadv = os.preadv
    monkeypatch.setattr(module.os, "preadv", lambda file, parts, offset: preadv(file, (parts[0][:most],), offset))
    np.testing.assert_array_equal(open_images(path)[2], some_images()[2])


def test_threads_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 1)  # each closes the file of the other
    files = [open_images(write(tmp_path / f"{number}.h5", some_images(number))) for number in range(2)]

    def is_right(number: int) -> bool:
        return all((files[number % 2][:] == some_images(number % 2)).all() for _ in range(40))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(is_right, range(4)))
