"""The Parquet metadata of version 2: where they are found, how they are read, how damaged ones are refused."""

import sys
from pathlib import Path

import pytest

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.archive.reben import METADATA, find_metadata, is_reben, read_reben_lists, read_reben_partners
from common.errors import ProductError, ProductNotFoundError, SettingError

P, Q, R = (f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UU{letter}_26_57" for letter in "PQR")


def row(name: str, split: str, **more: object) -> dict:
    return {"patch_id": name, "labels": ["Urban fabric"], "split": split, "s1_name": f"S1 of {name}", **more}


def write_parquet(path: Path, *rows: dict) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow to test metadata in Parquet")
    import pyarrow

    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


def test_names_of_version_2_contain_the_tile() -> None:
    assert is_reben(P)
    assert not is_reben("S2A_MSIL2A_20170617T113321_36_85")
    assert not is_reben("notes")


def test_metadata_lie_in_the_folder_of_the_patches_or_above(tmp_path: Path) -> None:
    root = tmp_path / "BigEarthNet-S2"
    root.mkdir()
    with pytest.raises(ProductNotFoundError, match=r"neither it nor the folder above holds metadata.parquet; download"):
        find_metadata(root)
    (tmp_path / METADATA[0]).touch()
    assert find_metadata(root) == [tmp_path / METADATA[0]]
    (root / METADATA[0]).touch()
    (root / METADATA[1]).touch()
    assert find_metadata(root) == [root / METADATA[0], root / METADATA[1]]


def test_lists_come_from_both_files(tmp_path: Path) -> None:
    write_parquet(
        tmp_path / METADATA[0],
        row(P, "train", country="Austria", contains_seasonal_snow=False),
        row(Q, "validation", labels=["Pastures", "Arable land"], country="Austria", contains_seasonal_snow=False),
    )
    write_parquet(tmp_path / METADATA[1], row(R, "test", contains_cloud_or_shadow=True) | {"s1_name": None})
    lists = read_reben_lists(tmp_path)
    assert lists.split_of == {P: "train", Q: "val", R: "test"}
    assert lists.facts[Q] == PatchFacts(("Pastures", "Arable land"), "T33UUQ")
    assert set(lists.facts) == {P, Q, R}
    assert lists.partner_of == {P: f"S1 of {P}", Q: f"S1 of {Q}"}
    assert lists.snow_cloud == {R}


def test_partners_are_looked_for_above_each_place(tmp_path: Path) -> None:
    write_parquet(tmp_path / METADATA[0], row(P, "train"))
    write_parquet(tmp_path / METADATA[1], row(Q, "test"), row(R, "test") | {"s1_name": None})
    patch, elsewhere = tmp_path / "BigEarthNet-S2/product" / P, tmp_path / "a/b/c/d/e"
    for place in (patch, elsewhere):
        place.mkdir(parents=True)
    for places in ((patch,), (tmp_path,), (elsewhere, patch)):
        assert read_reben_partners(*places) == {P: f"S1 of {P}", Q: f"S1 of {Q}"}
    with pytest.raises(
        ProductNotFoundError, match=r"e holds patches of version 2, whose .* stand in metadata\.parquet"
    ):
        read_reben_partners(elsewhere)


@pytest.mark.parametrize("flag", ["contains_seasonal_snow", "contains_cloud_or_shadow"])
def test_snow_and_clouds_are_flags_of_the_metadata(tmp_path: Path, flag: str) -> None:
    write_parquet(tmp_path / METADATA[0], row(P, "train", **{flag: True}), row(Q, "train", **{flag: False}))
    assert read_reben_lists(tmp_path).snow_cloud == {P}


def test_patches_without_a_split_are_in_none(tmp_path: Path) -> None:
    write_parquet(tmp_path / METADATA[0], row(P, "train"), row(Q, "none"))
    lists = read_reben_lists(tmp_path)
    assert lists.split_of == {P: "train"}
    assert set(lists.facts) == {P, Q}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"patch_id": P, "split": "test"}], "lacks the columns labels, s1_name; give the metadata of BigEarthNet v2"),
        ([row("patch 1", "test")], "has patch_id 'patch 1' with labels .*; expected names and lists of labels of"),
        ([row(P, "test") | {"labels": "Pastures"}], f"has patch_id '{P}' with labels 'Pastures', .*; expected names"),
        ([row(P, "test") | {"split": ["test"]}], r"has .* split \['test'\] and .*; expected names"),
        ([row(P, "test") | {"labels": [1]}], r"has .* with labels \[1\], .*; expected names"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, rows: list[dict], message: str) -> None:
    write_parquet(tmp_path / METADATA[0], *rows)
    with pytest.raises(ProductError, match=rf"metadata.parquet {message}"):
        read_reben_lists(tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow to test metadata in Parquet")
    (tmp_path / METADATA[0]).write_bytes(b"PAR1")
    with pytest.raises(ProductError, match=r"metadata.parquet cannot be read as Parquet; download it again"):
        read_reben_lists(tmp_path)


def test_pyarrow_is_asked_for_if_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / METADATA[0]).touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingError, match=r"metadata.parquet needs the package pyarrow; run pip install pyarrow"):
        read_reben_lists(tmp_path)
