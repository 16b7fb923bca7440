"""Patches are copied from their folders to their rows; those that an earlier run has copied are not read again."""

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigearthnet.archive.groups import S2_GROUPS, group_shapes
from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.archive.labels import CLASSES_19
from bigearthnet.prepared import fill
from bigearthnet.prepared.fill import FillBlock, FilledBlock, fill_block, fill_on_all_ranks, successive_runs
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.plan import PreparationPlan
from bigearthnet.prepared.slots import Slots
from bigearthnet.prepared.writer import create_file, find_slots, read_fill_state
from common.errors import OutputError, ProductError
from tests.support.disk_steps import note_disk_steps
from tests.support.fake_safe import write_patch_folder, write_s1_patch

N = 4


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patch and four partners that differ. Do not change it."""
    folder = tmp_path_factory.mktemp("archive")
    write_patch_folder(folder)
    for number in range(N):
        write_s1_patch(folder, f"S1A_IW_GRDH_1SDV_20170617T064724_29UPU_{number}_5", "", shift=number)
    return folder


@pytest.fixture
def patches(archive: Path) -> list[PatchFolders]:
    s2, *partners = sorted(archive.glob("S2*")) + sorted(archive.glob("S1*"))
    return [PatchFolders(s2.name, str(s2), str(partner)) for partner in partners]


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    """Slots of a new file with Sentinel-1."""
    names = [f"patch{number}" for number in range(N)]
    labels = np.zeros((N, 19), np.uint8)
    create_file(tmp_path / "data.h5", group_shapes(True), labels, CLASSES_19, names, ["train"] * N, {"plan": ""})
    return find_slots(tmp_path / "data.h5")


def check_rows(slots: Slots, patches: list[PatchFolders], rows: list[int]) -> None:
    """These rows hold their patches, and no others are marked."""
    assert np.flatnonzero(read_fill_state(slots.path).done).tolist() == rows
    with h5py.File(slots.path) as file:
        for row in rows:
            for group, image in read_images(patches[row]).items():
                np.testing.assert_array_equal(file[group][row], image)


def test_patches_are_copied_to_their_rows(slots: Slots, patches: list[PatchFolders]) -> None:
    rows = [0, 2, 3]
    filled = fill_block(FillBlock(slots, (), [(row, patches[row]) for row in rows]))
    assert filled == FilledBlock(3, {})
    check_rows(slots, patches, rows)


def test_an_unreadable_patch_is_reported_and_its_row_stays_empty(
    slots: Slots, patches: list[PatchFolders], tmp_path: Path
) -> None:
    damaged = shutil.copytree(patches[1].s2, tmp_path / patches[1].name)
    (damaged / f"{damaged.name}_B01.tif").unlink()
    broken = [patches[0], PatchFolders("the broken one", str(damaged), patches[1].s1), *patches[2:]]
    filled = fill_block(FillBlock(slots, (), list(enumerate(broken))))
    assert (filled.patch_count, list(filled.unreadable)) == (N, ["the broken one"])
    assert filled.unreadable["the broken one"].endswith("_B01.tif is missing; unpack the archive again.")
    check_rows(slots, patches, [0, 2, 3])


@pytest.mark.parametrize("at_once", [1, 8])
def test_a_block_without_a_readable_patch(
    slots: Slots, patches: list[PatchFolders], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(fill, "PATCHES_AT_ONCE", at_once)
    nothing = [PatchFolders(f"patch{row}", str(tmp_path), patches[row].s1) for row in range(N)]
    filled = fill_block(FillBlock(slots, (), list(enumerate(nothing))))
    assert list(filled.unreadable) == [f"patch{row}" for row in range(N)]
    check_rows(slots, patches, [])


def test_only_patches_that_are_missing_are_read(
    slots: Slots, patches: list[PatchFolders], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_block(FillBlock(slots, (), [(1, patches[1])]))
    read_partners = []

    def read_and_note(patch: PatchFolders, *groups: tuple) -> dict:
        read_partners.append(patch.s1)
        return read_images(patch, *groups)

    monkeypatch.setattr(fill, "read_images", read_and_note)
    assert fill_block(FillBlock(slots, (), list(enumerate(patches)))) == FilledBlock(N, {})
    assert read_partners == [patches[row].s1 for row in (0, 2, 3)]
    check_rows(slots, patches, [0, 1, 2, 3])


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_the_file_does_not_depend_on_how_many_patches_are_written_at_once(
    slots: Slots, patches: list[PatchFolders], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(fill, "PATCHES_AT_ONCE", at_once)
    fill_block(FillBlock(slots, (), list(enumerate(patches))))
    check_rows(slots, patches, [0, 1, 2, 3])


def test_groups_at_10_m_are_passed_on(
    slots: Slots, patches: list[PatchFolders], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    images = read_images(patches[0])
    monkeypatch.setattr(fill, "read_images", lambda patch, groups: (asked.append(groups), images)[1])
    fill_block(FillBlock(slots, S2_GROUPS[1:], [(0, patches[0])]))
    assert asked == [("s2_20m", "s2_60m")]


def test_a_full_disk_is_reported(slots: Slots, patches: list[PatchFolders], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bigearthnet.prepared.slots.os.pwritev", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*data.h5: No space left on device; check space and perm"):
        fill_block(FillBlock(slots, (), [(0, patches[0])]))


def plan_for(patches: list[PatchFolders]) -> PreparationPlan:
    return PreparationPlan(patches, ["train"] * N, np.zeros((N, 19), np.uint8), CLASSES_19, (), {}, {})


@pytest.mark.usefixtures("line_after_each_piece")
@pytest.mark.parametrize("patches_per_block", [1, 3, 64])
def test_all_blocks_are_filled(
    slots: Slots,
    patches: list[PatchFolders],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    patches_per_block: int,
) -> None:
    monkeypatch.setattr(fill, "PATCHES_PER_BLOCK", patches_per_block)
    options = PreparationOptions(Path("S2"), slots.path, processes=1)
    steps = note_disk_steps(monkeypatch)
    assert fill_on_all_ranks(plan_for(patches), slots, options, show_bar=False) == {}
    check_rows(slots, patches, [0, 1, 2, 3])
    assert [line.split(",")[0] for line in caplog.messages] == [
        f"reading: {done} of 4 patches" for done in {1: (1, 2, 3, 4), 3: (3, 4), 64: (4,)}[patches_per_block]
    ]
    assert steps == [("sync", slots.path.name)]


def test_unreadable_patches_end_the_run_unless_they_are_to_be_skipped(
    slots: Slots, patches: list[PatchFolders], tmp_path: Path
) -> None:
    plan = plan_for([*patches[:3], PatchFolders("broken", str(tmp_path), patches[3].s1)])
    options = PreparationOptions(Path("S2"), slots.path, processes=1)
    with pytest.raises(ProductError, match=r"_B02.tif is missing; .*again. --skip-unreadable leaves such patches out"):
        fill_on_all_ranks(plan, slots, options, show_bar=False)
    unreadable = fill_on_all_ranks(plan, slots, replace(options, skip_unreadable=True), show_bar=False)
    assert list(unreadable) == ["broken"]
    check_rows(slots, patches, [0, 1, 2])


@given(st.sets(st.integers(0, 20)).map(sorted))
def test_runs_cover_all_rows_and_are_as_long_as_possible(rows: list[int]) -> None:
    runs = successive_runs(rows)
    assert [row for start, end in runs for row in rows[start:end]] == rows
    for start, end in runs:
        assert rows[start:end] == list(range(rows[start], rows[end - 1] + 1))
    assert all(rows[end] > rows[end - 1] + 1 for _, end in runs[:-1])
