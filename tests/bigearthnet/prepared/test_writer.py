"""A prepared file before it is complete: reserved, found again, continued, finished."""

import json
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from bigearthnet.archive.groups import GROUP_BANDS, group_shapes
from bigearthnet.archive.labels import CLASSES_19
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.writer import create_file, find_slots, finish_file, is_prepared_file, read_fill_state
from common.errors import OutputError
from common.patches.file import write_patch_file
from tests.support.permissions import without_permission

N = 3
SPLITS = ["train", "val", "test"]
LABELS = np.eye(N, 19)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to fill."""
    create_file(tmp_path / "data.h5", group_shapes(True), LABELS, CLASSES_19, list("abc"), SPLITS, {"plan": "12"})
    return tmp_path / "data.h5"


def write_row(slots: Slots, row: int, value: int) -> None:
    """Write a patch whose pixels all have the same value."""
    images = {name: np.full(slot.shape, value, slot.dtype) for name, slot in slots.images.items()}
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), row, [images])


def test_a_new_file_has_its_labels_and_room_for_its_images(path: Path) -> None:
    with h5py.File(path) as file:
        assert {name: file[name].shape for name in GROUP_BANDS} == {
            name: (N, *shape) for name, shape in group_shapes(True).items()
        }
        assert {file[name].dtype.name for name in ("s2_10m", "s2_20m", "s2_60m")} == {"uint16"}
        assert (file["s1"].dtype.name, file["labels"].dtype.name) == ("float32", "uint8")
        np.testing.assert_array_equal(file["labels"], LABELS)
        assert [name.decode() for name in file["class_names"]] == list(CLASSES_19)
        assert [split.decode() for split in file["split"]] == SPLITS
        assert [name.decode() for name in file["name"]] == ["a", "b", "c"]
        sums = [f"patch_xxh3/{name}" for name in GROUP_BANDS]
        assert not any(file[name][()].any() for name in (*GROUP_BANDS, *sums, "done"))
        attributes = dict(file.attrs)
    assert (attributes["schema_version"], attributes["complete"], attributes["plan"]) == (2, False, "12")
    assert attributes["bands_s2_20m"] == "B05,B06,B07,B8A,B11,B12"
    assert {"created_utc", "code_revision"} <= set(attributes)


def test_arrays_lie_in_the_file_without_gaps_or_overlap(path: Path) -> None:
    slots = find_slots(path)
    assert list(slots.images) == list(GROUP_BANDS)
    spans = sorted(
        (slot.offset, slot.offset + N * slot.size)
        for slot in (*slots.images.values(), *slots.sums.values(), slots.done)
    )
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert spans[-1][1] <= path.stat().st_size
    assert all(slot.offset % 4096 == 0 for slot in slots.images.values())


def test_slots_of_a_file_without_sentinel_1(tmp_path: Path) -> None:
    create_file(tmp_path / "data.h5", group_shapes(False), LABELS, CLASSES_19, SPLITS, SPLITS, {"plan": ""})
    assert list(find_slots(tmp_path / "data.h5").images) == ["s2_10m", "s2_20m", "s2_60m"]


def test_the_state_tells_plan_and_written_patches(path: Path) -> None:
    write_row(find_slots(path), 1, 9)
    state = read_fill_state(path)
    assert (state.plan, state.done.dtype, state.done.tolist()) == ("12", bool, [False, True, False])
    assert not state.is_older


def test_the_state_of_a_file_of_schema_1(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 1
    assert read_fill_state(path).is_older


def test_writing_through_slots_is_reading_through_hdf5(path: Path) -> None:
    for row in range(N):
        write_row(find_slots(path), row, row + 1)
    with h5py.File(path) as file:
        for name in GROUP_BANDS:
            np.testing.assert_array_equal(file[name][()].max(axis=(1, 2, 3)), [1, 2, 3])


def test_a_finished_file_is_complete_and_says_what_was_left_out(path: Path) -> None:
    finish_file(path, {"unreadable": 2})
    with h5py.File(path) as file:
        assert file.attrs["complete"]
        assert json.loads(file.attrs["left_out"]) == {"unreadable": 2}
        assert len(file.attrs["checksum"]) == 64


@pytest.mark.parametrize("change", ["image", "label", "split", "nothing"])
def test_the_checksum_depends_on_content(tmp_path: Path, change: str) -> None:
    checksums = []
    for number, changed in enumerate((False, change != "nothing")):
        path = tmp_path / f"{number}.h5"
        labels = LABELS[:, ::-1] if changed and change == "label" else LABELS
        splits = SPLITS[::-1] if changed and change == "split" else SPLITS
        create_file(path, group_shapes(False), labels, CLASSES_19, SPLITS, splits, {"plan": ""})
        write_row(find_slots(path), 0, 8 if changed and change == "image" else 9)
        finish_file(path, {})
        with h5py.File(path) as file:
            checksums.append(file.attrs["checksum"])
    assert (checksums[0] == checksums[1]) == (change == "nothing")


def test_files_of_others_are_not_ours(path: Path, tmp_path: Path) -> None:
    write_patch_file(tmp_path / "scene-20m.h5", {"row": np.arange(3)}, {"scene": "T32TNS"})
    (tmp_path / "notes.txt").write_text("text")
    assert is_prepared_file(path)
    assert not any(is_prepared_file(tmp_path / name) for name in ("scene-20m.h5", "notes.txt", "none.h5"))


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n and no more"])
def test_a_damaged_file_cannot_be_continued(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.h5.part").write_bytes(content)
    message = r"data.h5.part cannot be continued: it is cut short, or is not a file of bigearthnet-prepare; move it"
    with pytest.raises(OutputError, match=message):
        read_fill_state(tmp_path / "data.h5.part")


def test_files_of_others_cannot_be_continued(tmp_path: Path) -> None:
    write_patch_file(tmp_path / "scene-20m.h5", {"row": np.arange(3)}, {"scene": "T32TNS"})
    with pytest.raises(OutputError, match=r"scene-20m.h5 cannot be continued"):
        read_fill_state(tmp_path / "scene-20m.h5")


def test_a_disk_without_room_is_reported_before_anything_is_written(tmp_path: Path) -> None:
    shapes = {"s2_10m": (10**6, 10**6, 1000)}  # two petabytes a patch
    with pytest.raises(OutputError, match=r"cannot write .*big.h5"):
        create_file(tmp_path / "big.h5", shapes, LABELS, CLASSES_19, SPLITS, SPLITS, {})
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*data.h5: .*; check space and permissions there"):
        create_file(tmp_path / "none" / "data.h5", group_shapes(False), LABELS, CLASSES_19, SPLITS, SPLITS, {})


def test_a_file_that_the_system_refuses_is_told_as_that(path: Path) -> None:
    for read in (read_fill_state, is_prepared_file):
        with (
            without_permission(path),
            pytest.raises(OutputError, match=r"cannot be read \(Permission denied\); check its permissions"),
        ):
            read(path)
