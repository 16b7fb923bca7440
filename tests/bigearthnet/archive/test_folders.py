"""Patch folders are found by name, and their JSON files are read or refused in one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigearthnet.archive.folders import (
    S1_NAME,
    S2_NAME,
    find_patches,
    holds_patches,
    read_facts,
    read_file,
    read_partner,
    region_of,
)
from common.errors import ProductError, ProductNotFoundError

NAME = "S2A_MSIL2A_20170617T113321_4_55"
S1 = "S1A_IW_GRDH_1SDV_20170617T064724_29UPU_4_55"
FACTS = {
    "labels": ["Rice fields", "Airports"],
    "coordinates": {"ulx": 600000, "uly": 5300040, "lrx": 601200, "lry": 5298840},
    "projection": 'PROJCS["WGS 84 / UTM zone 29N",AUTHORITY["EPSG","32629"]]',
}


def make_folders(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir(parents=True)


def write_json(root: Path, name: str, text: str) -> str:
    (root / f"{name}_labels_metadata.json").write_text(text, encoding="utf-8")
    return str(root)


# --- finding patches


@pytest.mark.parametrize(
    "name",
    [
        "S2A_MSIL2A_20170617T113321_36_85",
        "S2B_MSIL2A_20170924T93020_69_24",  # a time without its leading zero
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57",  # version 2
    ],
)
def test_names_of_both_versions_are_patches(tmp_path: Path, name: str) -> None:
    make_folders(tmp_path, name)
    assert find_patches(tmp_path, S2_NAME) == {name: str(tmp_path / name)}


def test_patches_are_sorted_by_name_and_other_folders_ignored(tmp_path: Path) -> None:
    names = ["S2A_MSIL2A_20170617T113321_9_1", "S2A_MSIL2A_20170617T113321_10_1", "S2B_MSIL2A_20170617T113321_0_0"]
    make_folders(tmp_path, *names, "notes", f"{NAME}.SAFE", S1)
    (tmp_path / "S2A_MSIL2A_20170617T113321_7_7").write_text("a file, not a folder")
    assert list(find_patches(tmp_path, S2_NAME)) == sorted(names)
    assert list(find_patches(tmp_path, S1_NAME)) == [S1]


def test_three_levels_of_folders_are_searched(tmp_path: Path) -> None:
    make_folders(tmp_path / "a" / "b", NAME)
    make_folders(tmp_path / "a" / "b" / "c", "S2A_MSIL2A_20170617T113321_4_56")
    assert find_patches(tmp_path, S2_NAME) == {NAME: str(tmp_path / "a" / "b" / NAME)}


def test_a_patch_folder_is_not_searched_for_more(tmp_path: Path) -> None:
    make_folders(tmp_path / NAME, "S2A_MSIL2A_20170617T113321_4_56")
    assert list(find_patches(tmp_path, S2_NAME)) == [NAME]


def test_a_patch_that_exists_twice_is_refused(tmp_path: Path) -> None:
    make_folders(tmp_path, NAME, f"more/{NAME}")
    with pytest.raises(ProductError, match=rf"{NAME} exists twice, as .* and .*; move one of them out of "):
        find_patches(tmp_path, S2_NAME)


def test_reference_maps_of_version_2_are_no_patches(tmp_path: Path) -> None:
    make_folders(tmp_path, f"BigEarthNet-S2/product/{NAME}", f"Reference_Maps/product/{NAME}")
    assert find_patches(tmp_path, S2_NAME) == {NAME: str(tmp_path / "BigEarthNet-S2/product" / NAME)}


def test_whether_a_folder_holds_patches(tmp_path: Path) -> None:
    make_folders(tmp_path, f"a/{NAME}", "b")
    assert [holds_patches(tmp_path / name) for name in ("a", "b", ".")] == [True, False, True]


def test_folders_without_patches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match="none does not exist; give the folder that holds the patch"):
        find_patches(tmp_path / "none", S2_NAME)
    make_folders(tmp_path, S1)
    with pytest.raises(ProductNotFoundError, match="holds no patch folder such as S2A_"):
        find_patches(tmp_path, S2_NAME)
    with pytest.raises(ProductNotFoundError, match="holds no patch folder such as S1A_"):
        find_patches(tmp_path / S1, S1_NAME)


# --- JSON files


def test_facts(tmp_path: Path) -> None:
    facts = read_facts(NAME, write_json(tmp_path, NAME, json.dumps(FACTS)))
    assert (facts.labels, facts.region) == (("Rice fields", "Airports"), "29N 6 53")


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    facts = read_facts(NAME, write_json(tmp_path, NAME, "\ufeff" + json.dumps(FACTS)))
    assert facts.labels == ("Rice fields", "Airports")


def without(*keys: str) -> str:
    """The facts of a patch without one of their keys."""
    facts = json.loads(json.dumps(FACTS))
    inner = facts
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return json.dumps(facts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"_labels_metadata.json is cut short or not a JSON file \("),
        (json.dumps(FACTS)[:60], r"is cut short or not a JSON file \("),
        ("[" * 100_000, r"is cut short or not a JSON file \("),
        ('["labels"]', "holds no JSON object; unpack the archive again"),
        (without("labels"), "has no list of labels"),
        (json.dumps(FACTS | {"labels": "Airports"}), "has no list of labels"),
        (json.dumps(FACTS | {"labels": [1]}), "has no list of labels"),
        (without("coordinates"), "lacks coordinates ulx and uly, or a UTM zone as projection"),
        (without("coordinates", "ulx"), "lacks coordinates ulx and uly"),
        (json.dumps(FACTS).replace("29N", "29"), "lacks coordinates ulx and uly, or a UTM zone as projection"),
        (json.dumps(FACTS).replace("600000", "1e999"), "lacks coordinates ulx and uly"),
        (without("projection"), "lacks coordinates ulx and uly, or a UTM zone as projection"),
        (json.dumps(FACTS).replace("600000", "NaN"), "lacks coordinates ulx and uly"),
        (json.dumps(FACTS).replace("600000", "Infinity"), "lacks coordinates ulx and uly"),
        (json.dumps(FACTS).replace("600000", '"600000"'), "lacks coordinates ulx and uly"),
    ],
)
def test_damaged_facts_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write_json(tmp_path, NAME, text)
    with pytest.raises(ProductError, match=message) as refused:
        read_facts(NAME, folder)
    assert str(refused.value).startswith(f"{folder}/{NAME}_labels_metadata.json ")
    assert str(refused.value).endswith("; unpack the archive again.")


@pytest.mark.parametrize("read", [read_facts, read_partner])
def test_a_missing_json_file_is_refused(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(ProductNotFoundError, match=rf"{NAME}_labels_metadata.json is missing; unpack the archive"):
        read(NAME, str(tmp_path))


@given(x=st.integers(100_000, 899_999), y=st.integers(0, 9_999_999))
def test_a_region_holds_the_corners_of_one_100_km_square(x: int, y: int) -> None:
    def region(x: int, y: int) -> str:
        return region_of({"coordinates": {"ulx": x, "uly": y}, "projection": "WGS 84 / UTM zone 29N"}, "")

    square_x, square_y = x - x % 100_000, y - y % 100_000
    assert region(x, y) == region(square_x, square_y) == region(square_x + 99_999, square_y + 99_999)
    assert len({region(x, y), region(square_x - 1, y), region(x, square_y + 100_000)}) == 3


def test_zones_and_hemispheres_are_different_regions() -> None:
    zones = ("29N", "29S", "3N")
    regions = {region_of(FACTS | {"projection": f'"WGS 84 / UTM zone {zone}"'}, "") for zone in zones}
    assert regions == {f"{zone} 6 53" for zone in zones}


def test_partner_despite_the_misspelt_key_of_real_files(tmp_path: Path) -> None:
    facts = {"coordinates": {"ulx": 0, "uly": 0, "lrx": 1200, "lly": -1200}, "corresponding_s2_patch": NAME}
    assert read_partner(S1, write_json(tmp_path, S1, json.dumps(facts))) == NAME


def test_a_partner_that_is_not_named_is_refused(tmp_path: Path) -> None:
    folder = write_json(tmp_path, S1, '{"corresponding_s2_patch": null}')
    with pytest.raises(ProductError, match="has no corresponding_s2_patch; unpack the archive again"):
        read_partner(S1, folder)


# --- files


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_files_are_read_whole(tmp_path: Path, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    (tmp_path / "file").write_bytes(content)
    assert read_file(tmp_path / "file") == content


def test_a_file_that_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "endless").symlink_to("/dev/zero")
    with pytest.raises(ProductError, match="endless is larger than 1 MiB; unpack the archive again"):
        read_file(tmp_path / "endless")
    os.mkfifo(tmp_path / "pipe")
    assert read_file(tmp_path / "pipe") == b""  # and does not wait for somebody who writes to it


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"cannot be read \(Is a directory\); unpack the archive again"):
        read_file(tmp_path)
