"""A prepared file returns its patches in any order; damaged and foreign files are refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.labels import CLASSES_19
from bigearthnet.prepared.file import BigEarthNetFile, log_checks, prepared_checksum
from bigearthnet.prepared.writer import create_file, find_slots, finish_file
from common.errors import PatchFileError
from common.files.hdf5 import CHECKSUMS
from common.patches.file import write_patch_file
from tests.support.damaged_patches import offset_of, require_flips_found
from tests.support.flips import flip_bit
from tests.support.made_patches import write_prepared_file

N = 5


def random_images(has_s1: bool = True, superres: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = {
        name: rng.integers(1, 10000, (N, *shape), dtype=np.uint16)
        for name, shape in group_shapes(has_s1, superres).items()
    }
    return {name: array.astype(np.float32) if name == "s1" else array for name, array in images.items()}


def labels() -> np.ndarray:
    return np.eye(N, 19, dtype=np.uint8)


NAMES = [f"patch{number}" for number in range(N)]
SPLITS = ["train", "train", "val", "test", "train"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.h5"
    write_prepared_file(path, random_images(), labels(), CLASSES_19, NAMES, SPLITS)
    return path


def test_round_trip(path: Path) -> None:
    file = BigEarthNetFile(path)
    assert (len(file), file.has_s1, file.class_names) == (N, True, CLASSES_19)
    assert (file.names.tolist(), file.splits.tolist()) == (NAMES, SPLITS)
    assert file.shapes == {
        "s2_10m": (120, 120, 4),
        "s2_20m": (60, 60, 6),
        "s2_60m": (20, 20, 2),
        "s1": (120, 120, 2),
        "labels": (19,),
    }
    np.testing.assert_array_equal(file.labels, labels())
    rows = np.array([3, 0, 3])
    for name, array in random_images().items():
        images = file.read(rows, [name])[name]
        assert images.dtype == array.dtype
        np.testing.assert_array_equal(images, array[rows])


def test_h5py_alone_reads_it(path: Path) -> None:
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["s2_20m"], random_images()["s2_20m"])
        assert [name.decode() for name in file["class_names"]] == list(CLASSES_19)
        assert file.attrs["bands_s2_20m"] == "B05,B06,B07,B8A,B11,B12"


def test_bands_brought_to_10_m(tmp_path: Path) -> None:
    images = random_images(False, ("s2_20m", "s2_60m"))
    write_prepared_file(tmp_path / "fine.h5", images, labels(), CLASSES_19, NAMES, SPLITS)
    file = BigEarthNetFile(tmp_path / "fine.h5")
    assert (file.shapes["s2_60m"], file.has_s1) == ((120, 120, 2), False)
    assert file.attributes["superres"] == "s2_20m,s2_60m"


def test_patches_that_were_unreadable_are_hidden(tmp_path: Path) -> None:
    path, images = tmp_path / "data.h5", random_images()
    create_file(path, group_shapes(True), labels(), CLASSES_19, NAMES, SPLITS, {"plan": ""})
    slots = find_slots(path)
    with open(path, "r+b", buffering=0) as file:
        for row in (0, 3):
            assert not slots.holds(file.fileno(), row)
            slots.write(file.fileno(), row, [{name: array[row] for name, array in images.items()}])
            assert slots.holds(file.fileno(), row)
    finish_file(path, {"unreadable": 3})
    prepared = BigEarthNetFile(path)
    assert prepared.names.tolist() == ["patch0", "patch3"]
    np.testing.assert_array_equal(prepared.labels, labels()[[0, 3]])
    np.testing.assert_array_equal(prepared.read(np.array([1]), ["s2_10m"])["s2_10m"], images["s2_10m"][[3]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda file: file.attrs.update(schema_version=9),
            r"data.h5 has schema 9, this code reads 2; run bigearthnet-prepare",
        ),
        (lambda file: file.attrs.update(complete=False), "data.h5 is unfinished"),
        (
            lambda file: file.attrs.__delitem__("plan"),
            "data.h5 is not a prepared file of bigearthnet-prepare; give another file",
        ),
        (lambda file: file.__delitem__("split"), "data.h5 is damaged: "),
        (lambda file: file.__delitem__("s2_20m"), "data.h5 is damaged: "),
        (lambda file: file.move("labels", "names/labels"), "data.h5 is damaged: "),
        (lambda file: (file.__delitem__("name"), file.create_group("name")), "data.h5 is damaged: "),
        (lambda file: file.attrs.__delitem__("checksum"), "data.h5 is unfinished"),
    ],
)
def test_files_that_are_not_as_written(path: Path, change, message: str) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(PatchFileError, match=message):
        BigEarthNetFile(path)


def make_older(path: Path) -> None:
    """Turn a prepared file into one of schema 1."""
    with h5py.File(path, "r+") as file:
        del file[CHECKSUMS], file.attrs["seal"]
        file["checksums"] = np.arange(N, dtype=np.uint64)
        file.attrs.update(schema_version=1, checksum=prepared_checksum(file))


def test_a_file_of_schema_1_is_read_and_its_names_and_labels_are_checked(path: Path, caplog) -> None:
    make_older(path)
    file = BigEarthNetFile(path)
    np.testing.assert_array_equal(file.read(np.array([2]), ["s1"])["s1"], random_images()["s1"][[2]])
    with caplog.at_level("INFO"):
        log_checks(file)
    assert "data.h5 was made by an earlier version: its names and labels are checked, its images are not" in caplog.text
    flip_bit(path, offset_of(path, "labels"), 0)
    with pytest.raises(PatchFileError, match=r"data\.h5 is damaged: its names or labels are not as they were written"):
        BigEarthNetFile(path)


def test_images_of_this_schema_are_checked_without_a_word(path: Path, caplog) -> None:
    with caplog.at_level("INFO"):
        log_checks(BigEarthNetFile(path))
    assert not caplog.records


def test_a_flipped_bit_of_an_image_is_found_when_the_image_is_read(path: Path) -> None:
    flip_bit(path, offset_of(path, "s1") + 3 * 120 * 120 * 2 * 4 + 70, 6)
    file = BigEarthNetFile(path)
    file.read(np.arange(N), ["s2_10m"])
    file.read(np.array([0, 1, 2, 4]), ["s1"])
    message = r"data\.h5 is damaged: s1 of patch3 is not as it was written; run bigearthnet-prepare again, or give"
    with pytest.raises(PatchFileError, match=message):
        file.read(np.array([1, 3]), ["s1"])


def test_every_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    """Bits of the whole file: images, labels, names, attributes, checksums, and HDF5's own structures."""
    images = {name: image[:2] for name, image in random_images().items()}
    write_prepared_file(tmp_path / "two.h5", images, labels()[:2], CLASSES_19, NAMES[:2], SPLITS[:2])

    def read_all() -> dict:
        file = BigEarthNetFile(tmp_path / "two.h5")
        read = file.read(np.arange(len(file)), list(file.shapes))
        return file.attributes | read | {"names": file.names, "splits": file.splits, "classes": file.class_names}

    require_flips_found(tmp_path / "two.h5", read_all, PatchFileError)


def test_patches_of_super_resolution(tmp_path: Path) -> None:
    write_patch_file(tmp_path / "scene-20m.h5", {"row": np.arange(3)}, {"scene": "T32TNS"})
    with pytest.raises(PatchFileError, match=r"scene-20m.h5 is not a prepared file of bigearthnet-prepare"):
        BigEarthNetFile(tmp_path / "scene-20m.h5")


def test_missing_cut_short_and_no_hdf5(path: Path, tmp_path: Path) -> None:
    with pytest.raises(PatchFileError, match=r"none.h5 does not exist; bigearthnet-prepare makes it"):
        BigEarthNetFile(tmp_path / "none.h5")
    with pytest.raises(PatchFileError, match=r"is a folder; give the HDF5 file itself"):
        BigEarthNetFile(tmp_path)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(PatchFileError, match="cut short"):
        BigEarthNetFile(path)
    path.write_text("text")
    with pytest.raises(PatchFileError, match="or is not a prepared file of bigearthnet-prepare"):
        BigEarthNetFile(path)
