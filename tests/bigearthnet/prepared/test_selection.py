"""Patches are chosen by name: lists, snow and clouds, Sentinel-1 partners, and patches that cannot be read."""

import logging
from collections.abc import Iterable
from pathlib import Path

import pytest

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.archive.splits import ArchiveLists
from bigearthnet.prepared import selection as selecting
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.selection import (
    NO_LIST,
    SNOW_CLOUD,
    Selection,
    count_left_out,
    describe_left_out,
    select_patches,
    take_partners,
    unreadable_error,
)
from common.errors import ProductError, SettingError, TileListError

A, B, C, D = (f"S2A_MSIL2A_20170617T113321_{number}_1" for number in range(4))
NEW = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57"  # of version 2
S1_A, S1_B, S1_C = (f"S1A_IW_GRDH_1SDV_20170617T064724_29UPU_{number}_1" for number in range(3))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of four patches, without any file."""
    return make_folders(tmp_path / "S2", A, B, C, D)


def make_folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def write_lists(folder: Path, **lists: Iterable[str]) -> Path:
    folder.mkdir()
    for split in ("train", "val", "test"):
        (folder / f"{split}.csv").write_text("".join(f"{name}\n" for name in lists.get(split, [])))
    return folder


def give_official_lists(monkeypatch: pytest.MonkeyPatch, lists: ArchiveLists) -> None:
    monkeypatch.setattr(selecting, "read_official_lists", lambda: lists)


def options(root: Path, **changes: object) -> PreparationOptions:
    """By region and with snow, so that no official lists are needed."""
    return PreparationOptions(root, Path("data.h5"), **{"split_by_region": 0, "keep_snow_cloud": True, **changes})


# --- the record


def test_keep_counts_the_patches_that_it_leaves_out() -> None:
    before = Selection({A: "a", B: "b", C: "c"}, left_out={"first": 2})
    after = before.keep({B, D}, "second")
    assert (after.folders, after.left_out) == ({B: "b"}, {"first": 2, "second": 2})
    assert (len(before.folders), before.left_out) == (3, {"first": 2})


def test_unreadable_patches_are_left_out_on_request() -> None:
    before = Selection({A: "a", B: "b"}, unreadable={C: "was bad"})
    after = before.without_unreadable({A: "is bad"}, skip_unreadable=True)
    assert (after.folders, after.unreadable) == ({B: "b"}, {C: "was bad", A: "is bad"})
    assert (len(before.folders), len(before.unreadable)) == (2, 1)


def test_an_unreadable_patch_is_an_error_by_default() -> None:
    selection = Selection({A: "a", B: "b"})
    with pytest.raises(ProductError, match=r"^is bad\. --skip-unreadable leaves such patches out\.$"):
        selection.without_unreadable({A: "is bad."}, skip_unreadable=False)
    assert selection.without_unreadable({}, skip_unreadable=False) == selection


def test_the_error_names_the_first_patch_with_its_reason_and_others() -> None:
    message = str(unreadable_error({C: "C is bad.", B: "B is bad.", A: "A is bad."}))
    assert message == f"A is bad. Also unreadable: {B}, {C}. --skip-unreadable leaves such patches out."


def test_reasons_that_apply_to_no_patch_are_not_told() -> None:
    counts = count_left_out({SNOW_CLOUD: 1200, NO_LIST: 0}, {A: "bad"})
    assert counts == {SNOW_CLOUD: 1200, "unreadable": 1}
    assert describe_left_out(counts) == "left out: 1,200 with snow or clouds, 1 unreadable"
    assert describe_left_out(count_left_out({NO_LIST: 0}, {})) == "left out: none"


# --- splits


def test_all_patches_are_chosen_if_regions_decide(root: Path) -> None:
    selection = select_patches(options(root))
    assert selection == Selection({name: str(root / name) for name in (A, B, C, D)})


@pytest.mark.parametrize("option, name", [("--s1-root", "s1_root"), ("--superres", "superres")])
def test_folders_that_do_not_exist_are_told_before_the_archive_is_searched(option: str, name: str) -> None:
    with pytest.raises(SettingError, match=f"^{option} nowhere does not exist; give a folder that exists"):
        select_patches(options(Path("neither is this"), **{name: Path("nowhere")}))


def test_lists_that_do_not_exist_are_told_before_the_archive_is_searched() -> None:
    with pytest.raises(SettingError, match=r"^--splits nowhere does not exist; give a folder that exists"):
        select_patches(options(Path("neither is this"), splits=Path("nowhere")))


def test_a_folder_without_lists_is_told_before_the_archive_is_searched(tmp_path: Path) -> None:
    with pytest.raises(TileListError, match=r"train\.csv cannot be read"):
        select_patches(options(Path("not there"), splits=tmp_path))


def test_own_lists(root: Path, tmp_path: Path) -> None:
    lists = write_lists(tmp_path / "lists", train=[C], val=[A])
    selection = select_patches(options(root, split_by_region=None, splits=lists))
    assert (set(selection.folders), selection.split_of) == ({A, C}, {C: "train", A: "val"})
    assert selection.left_out == {NO_LIST: 2}


def test_own_lists_that_name_absent_patches(root: Path, tmp_path: Path) -> None:
    absent = [name.replace("113321", "113322") for name in (A, B)]
    lists = write_lists(tmp_path / "lists", train=[A], val=absent)
    with pytest.raises(TileListError, match=rf"lists lists {absent[0]}, {absent[1]}, not found in .*S2; correct the"):
        select_patches(options(root, split_by_region=None, splits=lists))
    selection = select_patches(options(root, split_by_region=None, splits=lists, skip_unreadable=True))
    assert list(selection.folders) == [A]
    assert selection.unreadable == {name: f"{name} is listed, but not in {root}" for name in absent}


def test_official_lists_leave_out_snow_and_unlisted_patches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_official_lists(monkeypatch, ArchiveLists({A: "train", B: "test", "absent": "val"}, frozenset({C})))
    selection = select_patches(options(root, split_by_region=None, keep_snow_cloud=False))
    assert set(selection.folders) == {A, B}
    assert (selection.split_of[A], selection.split_of[B]) == ("train", "test")
    assert selection.left_out == {SNOW_CLOUD: 1, NO_LIST: 1}


def test_snow_patches_that_are_kept_train(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_official_lists(monkeypatch, ArchiveLists({A: "val", B: "test"}, frozenset({B, C})))
    selection = select_patches(options(root, split_by_region=None))
    assert {name: selection.split_of[name] for name in selection.folders} == {A: "val", B: "test", C: "train"}
    assert selection.left_out == {NO_LIST: 1}


def test_the_log_counts_patches_that_the_archive_lacks(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    give_official_lists(monkeypatch, ArchiveLists({A: "val", "absent": "test"}))
    with caplog.at_level(logging.WARNING):
        select_patches(options(root, split_by_region=None))
    assert caplog.messages == ["the archive lacks 1 of the 2 patches in the official lists"]


def test_patches_left_out_are_not_called_absent(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The lists of version 2 name patches with snow or clouds, too."""
    give_official_lists(monkeypatch, ArchiveLists({A: "val", C: "test"}, frozenset({C})))
    with caplog.at_level(logging.WARNING):
        select_patches(options(root, split_by_region=None, keep_snow_cloud=False))
    assert caplog.messages == []


@pytest.mark.parametrize("own_lists", [True, False])
def test_official_lists_are_read_only_if_they_are_needed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_lists: bool
) -> None:
    monkeypatch.setattr(selecting, "read_official_lists", lambda: pytest.fail("the lists were read"))
    lists = write_lists(tmp_path / "lists", train=[A])
    select_patches(options(root, **({"splits": lists, "split_by_region": None} if own_lists else {})))


def test_snow_and_clouds_are_left_out_of_own_lists_and_of_regions(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_official_lists(monkeypatch, ArchiveLists(snow_cloud=frozenset({B})))
    lists = write_lists(tmp_path / "lists", train=[A, B])
    by_list = select_patches(options(root, splits=lists, split_by_region=None, keep_snow_cloud=False))
    assert (set(by_list.folders), by_list.left_out) == ({A}, {SNOW_CLOUD: 1, NO_LIST: 2})
    by_region = select_patches(options(root, keep_snow_cloud=False))
    assert (set(by_region.folders), by_region.left_out) == ({A, C, D}, {SNOW_CLOUD: 1})


def test_no_patch_remains(root: Path, tmp_path: Path) -> None:
    lists = write_lists(tmp_path / "lists")
    with pytest.raises(SettingError, match=r"no patch of .*S2 remains, left out: 4 in no list; give --splits or"):
        select_patches(options(root, split_by_region=None, splits=lists))


# --- versions


def test_two_versions_in_one_archive_are_refused(root: Path) -> None:
    make_folders(root, NEW)
    with pytest.raises(ProductError, match="holds patches of version 1 and of version 2; give only one of them"):
        select_patches(options(root))


def test_version_2_has_no_43_classes(tmp_path: Path) -> None:
    root = make_folders(tmp_path, NEW)
    with pytest.raises(SettingError, match="holds version 2, whose labels are of the 19 classes; give --nomenclature"):
        select_patches(options(root, nomenclature=43))


def test_version_2_takes_facts_from_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = NEW.replace("T33UUP", "T33UUQ")
    root = make_folders(tmp_path, NEW, other)
    facts = {NEW: PatchFacts(("Pastures",), "T33UUP")}
    monkeypatch.setattr(selecting, "read_reben_lists", lambda _: ArchiveLists({NEW: "val"}, facts=facts))
    with pytest.raises(ProductError, match=f"{other} is not in the metadata of version 2. --skip-unreadable leaves"):
        select_patches(options(root))
    selection = select_patches(options(root, split_by_region=None, skip_unreadable=True))
    assert (list(selection.folders), selection.facts) == ([NEW], facts)
    assert selection.unreadable == {other: f"{other} is not in the metadata of version 2"}


def test_a_listed_patch_without_metadata_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = NEW.replace("T33UUP", "T33UUQ")
    root = make_folders(tmp_path / "S2", NEW, other)
    lists = ArchiveLists(facts={NEW: PatchFacts(("Pastures",), "T33UUP")})
    monkeypatch.setattr(selecting, "read_reben_lists", lambda _: lists)
    own_lists = write_lists(tmp_path / "lists", train=[NEW, other])
    selection = select_patches(options(root, split_by_region=None, splits=own_lists, skip_unreadable=True))
    assert selection.unreadable == {other: f"{other} is not in the metadata of version 2"}


# --- Sentinel-1 partners


def test_partners_of_version_1_are_not_listed(root: Path, tmp_path: Path) -> None:
    s1_root = make_folders(tmp_path / "S1", S1_A, S1_B)
    selection = select_patches(options(root, s1_root=s1_root))
    assert selection.partners == {}
    assert selection.unlisted_s1 == {name: str(s1_root / name) for name in (S1_A, S1_B)}


def test_listed_partners_are_taken_and_the_others_remain_to_be_read() -> None:
    selection = Selection({A: "a", B: "b"})
    folders = {S1_A: "s1a", S1_C: "s1c"}
    taken = take_partners(selection, ArchiveLists(partner_of={A: S1_A, B: S1_B}), folders)
    assert (taken.partners, taken.unlisted_s1) == ({A: "s1a"}, {S1_C: "s1c"})


def test_no_json_file_is_needed_if_lists_name_all_partners() -> None:
    selection = Selection({A: "a"})
    taken = take_partners(selection, ArchiveLists(partner_of={A: S1_A}), {S1_A: "s1a", S1_C: "s1c"})
    assert (taken.partners, taken.unlisted_s1) == ({A: "s1a"}, {})


def test_partners_of_version_2_are_only_those_of_its_metadata() -> None:
    selection = Selection({A: "a", B: "b"}, facts={A: PatchFacts((), ""), B: PatchFacts((), "")})
    taken = take_partners(selection, ArchiveLists(partner_of={A: S1_A}), {S1_A: "s1a", S1_C: "s1c"})
    assert (taken.partners, taken.unlisted_s1) == ({A: "s1a"}, {})


def test_the_official_list_of_partners_is_read_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting, "read_official_partners", lambda: {A: S1_A, B: S1_B})
    monkeypatch.setattr(selecting, "MANY_PARTNERS", 1)
    selection = Selection({A: "a", B: "b"})
    assert take_partners(selection, ArchiveLists(), {S1_A: "s1a"}).partners == {}
    assert take_partners(selection, ArchiveLists(), {S1_A: "s1a", S1_B: "s1b"}).partners == {A: "s1a", B: "s1b"}
