"""The output is not replaced by accident, an interrupted run continues, and unreadable patches are listed."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.images import PatchFolders
from bigearthnet.archive.labels import CLASSES_19
from bigearthnet.prepared import output as module
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.output import check_output, complete_output, open_part_file, report_speed
from bigearthnet.prepared.plan import PreparationPlan
from bigearthnet.prepared.slots import Slots
from common.errors import OutputError, ProductError
from common.patches.file import write_patch_file
from tests.support.disk_steps import note_disk_steps

N = 3
PLAN = PreparationPlan(
    patches=[PatchFolders(name, f"S2/{name}") for name in "abc"],
    splits=["train", "val", "test"],
    labels=np.eye(N, 19, dtype=np.uint8),
    class_names=CLASSES_19,
    superres_groups=(),
    left_out={"in no list": 2, "with snow or clouds": 0},
    unreadable={},
)
OTHER_PLAN = replace(PLAN, splits=["test", "val", "train"])


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "data.h5"


def fill_rows(slots: Slots, *rows: int) -> None:
    images = {name: np.full(slot.shape, 7, slot.dtype) for name, slot in slots.images.items()}
    with open(slots.path, "r+b") as file:
        for row in rows:
            slots.write(file.fileno(), row, [images])


# --- before the work


def test_an_output_that_does_not_exist_is_accepted(output: Path) -> None:
    check_output(output, overwrite=False)


def test_an_output_that_exists_needs_overwrite(output: Path) -> None:
    open_part_file(output, PLAN, False).slots.path.rename(output)
    with pytest.raises(OutputError, match=r"data.h5 exists; give another --output, or replace it with --overwrite"):
        check_output(output, overwrite=False)
    check_output(output, overwrite=True)


def test_files_of_others_are_never_replaced(output: Path) -> None:
    write_patch_file(output, {"row": np.arange(3)}, {"scene": "T32TNS"})
    with pytest.raises(OutputError, match=r"data.h5 is not a file of bigearthnet-prepare, and --overwrite replaces no"):
        check_output(output, overwrite=True)


def test_an_output_needs_a_folder_and_a_name(output: Path) -> None:
    with pytest.raises(OutputError, match=r"the folder .*none does not exist; create it, or give another --output"):
        check_output(output.parent / "none" / "data.h5", overwrite=False)
    with pytest.raises(OutputError, match="is a folder; --output needs the name of a file"):
        check_output(output.parent, overwrite=True)


# --- the part file


@pytest.mark.parametrize("superres_groups", [(), ("s2_60m",)])
@pytest.mark.parametrize("has_s1", [True, False])
def test_a_new_file_has_room_for_the_planned_images(output: Path, has_s1: bool, superres_groups: tuple) -> None:
    patches = [replace(patch, s1=f"S1/{patch.name}" if has_s1 else None) for patch in PLAN.patches]
    plan = replace(PLAN, patches=patches, superres_groups=superres_groups)
    slots, missing_count = open_part_file(output, plan, overwrite=False)
    assert (slots.path, missing_count) == (output.with_name("data.h5.part"), N)
    assert {name: slot.shape for name, slot in slots.images.items()} == group_shapes(has_s1, superres_groups)
    with h5py.File(slots.path) as file:
        assert file.attrs["plan"] == plan.digest()
        assert (file.attrs["superres"], file.attrs["nomenclature"]) == (",".join(superres_groups), 19)
        assert [name.decode() for name in file["name"]] == ["a", "b", "c"]
    assert not output.exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_same_plan_continues(output: Path, overwrite: bool) -> None:
    first = open_part_file(output, PLAN, False)
    fill_rows(first.slots, 0, 2)
    again = open_part_file(output, PLAN, overwrite)
    assert (again.slots, again.missing_count) == (first.slots, 1)
    with open(again.slots.path, "rb") as file:
        assert [again.slots.holds(file.fileno(), row) for row in range(N)] == [True, False, True]


def test_a_part_file_of_schema_1_is_begun_again(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill_rows(open_part_file(output, PLAN, False).slots, 0)
    with h5py.File(output.with_name("data.h5.part"), "r+") as file:
        file.attrs["schema_version"] = 1
    with caplog.at_level("INFO"):
        assert open_part_file(output, PLAN, overwrite=False).missing_count == N
    assert "data.h5.part was begun by an earlier version of this program; it is begun again" in caplog.text


def test_another_plan_replaces_the_file_only_with_overwrite(output: Path) -> None:
    fill_rows(open_part_file(output, PLAN, False).slots, 0)
    before = output.with_name("data.h5.part").read_bytes()
    with pytest.raises(OutputError, match=r"data.h5.part was begun with other patches or options; give the options"):
        open_part_file(output, OTHER_PLAN, overwrite=False)
    assert output.with_name("data.h5.part").read_bytes() == before
    assert open_part_file(output, OTHER_PLAN, overwrite=True).missing_count == N


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_damaged_part_file_is_kept(output: Path, overwrite: bool) -> None:
    output.with_name("data.h5.part").write_text("text")
    with pytest.raises(OutputError, match=r"data.h5.part cannot be continued"):
        open_part_file(output, PLAN, overwrite)
    assert output.with_name("data.h5.part").read_text() == "text"


# --- the complete file


def test_the_complete_file_has_its_final_name(output: Path, capsys: pytest.CaptureFixture) -> None:
    fill_rows(open_part_file(output, PLAN, False).slots, 0, 1, 2)
    complete_output(output, PLAN, {})
    assert [path.name for path in output.parent.iterdir()] == ["data.h5"]
    file = BigEarthNetFile(output)
    assert (file.names.tolist(), json.loads(file.attributes["left_out"])) == (["a", "b", "c"], {"in no list": 2})
    assert capsys.readouterr().out == f"{output}: 3 patches, left out: 2 in no list\n"


def test_the_complete_file_is_on_the_disk_before_it_has_its_name(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_rows(open_part_file(output, PLAN, False).slots, *range(N))
    steps = note_disk_steps(monkeypatch)
    complete_output(output, PLAN, {})
    assert steps == [("sync", "data.h5.part"), ("rename", "data.h5.part"), ("sync", output.parent.name)]


def test_unreadable_patches_are_counted_and_listed_by_name(
    output: Path, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOGGED_UNREADABLE", 1)
    plan = replace(PLAN, unreadable={"d": "d is listed, but absent"})
    fill_rows(open_part_file(output, plan, False).slots, 0, 2)
    complete_output(output, plan, {"b": "b is damaged"})
    assert BigEarthNetFile(output).names.tolist() == ["a", "c"]
    assert capsys.readouterr().out == f"{output}: 2 patches, left out: 2 in no list, 2 unreadable\n"
    listed = output.with_name("data-unreadable.txt")
    assert listed.read_text() == "b: b is damaged\nd: d is listed, but absent\n"
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["left out: b: b is damaged", f"2 patches could not be read; {listed} lists them"]


def test_a_list_of_an_earlier_run_does_not_stay(output: Path) -> None:
    output.with_name("data-unreadable.txt").write_text("b: b is damaged\n")
    fill_rows(open_part_file(output, PLAN, False).slots, 0, 1, 2)
    complete_output(output, PLAN, {})
    assert not output.with_name("data-unreadable.txt").exists()


def test_a_file_without_a_readable_patch_stays_unfinished(output: Path) -> None:
    open_part_file(output, PLAN, False)
    with pytest.raises(ProductError, match=r"a is damaged. Also unreadable: b, c"):
        complete_output(output, PLAN, {name: f"{name} is damaged" for name in "abc"})
    assert [path.name for path in output.parent.iterdir()] == ["data.h5.part"]


# --- the rate


@pytest.mark.parametrize(("patches", "lines"), [(999, 1), (1000, 2)])
def test_the_time_for_the_whole_archive_is_told_for_many_patches(
    caplog: pytest.LogCaptureFixture, patches: int, lines: int
) -> None:
    with caplog.at_level(logging.INFO):
        report_speed(patches, patches / 100, 20)
    assert len(caplog.messages) == lines
    assert "100 patches/s (20.0 s in all)" in caplog.messages[0]
    assert all("590326 patches of the whole archive take 1.6 h" in message for message in caplog.messages[1:])
