"""Facts and partners of many patches: values and errors are kept apart, parts are merged in the order of names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.prepared import json_files
from bigearthnet.prepared.json_files import (
    JsonContents,
    merge_contents,
    read_facts_block,
    read_on_all_ranks,
    read_partner_block,
)

FACTS = '{"labels": ["Airports"], "coordinates": {"ulx": 0, "uly": 100000}, "projection": "UTM zone 32N"}'


def write_patches(root: Path, **texts: str) -> list[tuple[str, str]]:
    """Write a JSON file for each patch; return their names and folders."""
    for name, text in texts.items():
        (root / name).mkdir()
        (root / name / f"{name}_labels_metadata.json").write_text(text)
    return [(name, str(root / name)) for name in texts]


def test_facts_and_errors(tmp_path: Path) -> None:
    contents = read_facts_block(write_patches(tmp_path, a=FACTS, b="{}", c=FACTS))
    facts = PatchFacts(("Airports",), "32N 0 1")
    assert contents.values == {"a": facts, "c": facts}
    assert list(contents.errors) == ["b"]
    assert "b_labels_metadata.json has no list of labels" in contents.errors["b"]


def test_partners_and_errors(tmp_path: Path) -> None:
    patches = write_patches(tmp_path, s1="{}", s2='{"corresponding_s2_patch": "x"}')
    contents = read_partner_block([*patches, ("s3", str(tmp_path))])
    assert contents.values == {"s2": "x"}
    assert set(contents.errors) == {"s1", "s3"}


def test_no_patches_have_no_contents() -> None:
    assert read_facts_block([]) == merge_contents([]) == JsonContents({}, {})


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.booleans(), st.integers(0, 2))), st.integers(1, 3))
def test_parts_merge_to_the_same_contents_however_they_are_cut(patches: dict, parts: int) -> None:
    def contents(names: list[str]) -> JsonContents:
        return JsonContents(
            {name: patches[name][1] for name in names if patches[name][0]},
            {name: f"error of {name}" for name in names if not patches[name][0]},
        )

    names = list(patches)
    merged = merge_contents(contents(names[part::parts]) for part in range(parts))
    assert merged == contents(names)
    assert list(merged.values) == sorted(merged.values)
    assert list(merged.errors) == sorted(merged.errors)


@pytest.mark.parametrize("files_per_block", [1, 2, 1000])
def test_blocks_read_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_per_block: int) -> None:
    monkeypatch.setattr(json_files, "FILES_PER_BLOCK", files_per_block)
    folders = dict(write_patches(tmp_path, c=FACTS, a="{}", b=FACTS))
    contents = read_on_all_ranks(read_facts_block, folders, processes=1)
    assert contents == read_facts_block(sorted(folders.items()))
    assert (list(contents.values), list(contents.errors)) == (["b", "c"], ["a"])


def test_contents_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        JsonContents({}, {}).values = {}
