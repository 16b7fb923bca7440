"""The plan of a prepared file: labels, splits, partners, and a digest of all that decides the content."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.archive.images import PatchFolders
from bigearthnet.archive.labels import CLASSES_19, CLASSES_43, decode
from bigearthnet.prepared import plan as planning
from bigearthnet.prepared.json_files import JsonContents
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.plan import PreparationPlan, make_plan
from bigearthnet.prepared.selection import Selection
from common.errors import ProductError, SettingError

FACTS = {
    "a": PatchFacts(("Coniferous forest", "Water bodies"), "29N 6 53"),
    "b": PatchFacts(("Rice fields", "Airports"), "29N 7 53"),
    "c": PatchFacts(("Burnt areas",), "29N 8 53"),  # without a class of the 19
}
FOLDERS = {name: f"S2/{name}" for name in FACTS}
SPLITS = {"a": "val", "b": "train", "c": "train"}
NO_FILES = JsonContents({}, {})


def options(**changes: object) -> PreparationOptions:
    return PreparationOptions(Path("S2"), Path("data.h5"), **changes)


def plan_of(
    settings: PreparationOptions,
    selection: Selection | None = None,
    facts: JsonContents = NO_FILES,
    partners: JsonContents = NO_FILES,
) -> PreparationPlan:
    """A plan of the three patches; their facts are known unless the test gives them."""
    selection = selection or Selection(FOLDERS, split_of=SPLITS)
    return make_plan(settings, selection, facts if facts is not NO_FILES else JsonContents(FACTS, {}), partners)


def test_patches_are_sorted_and_have_their_splits_and_labels() -> None:
    selection = Selection(dict(reversed(FOLDERS.items())), split_of=SPLITS)
    plan = plan_of(options(nomenclature=43), selection)
    assert plan.patches == [PatchFolders(name, f"S2/{name}") for name in "abc"]
    assert (plan.names, plan.splits, plan.has_s1) == (["a", "b", "c"], ["val", "train", "train"], False)
    assert (plan.labels.shape, plan.labels.dtype, plan.class_names) == ((3, 43), np.uint8, CLASSES_43)
    assert [set(decode(row, CLASSES_43)) for row in plan.labels] == [set(facts.labels) for facts in FACTS.values()]


def test_patches_without_a_class_are_left_out_unless_they_are_to_be_kept() -> None:
    plan = plan_of(options())
    assert (plan.names, plan.class_names) == (["a", "b"], CLASSES_19)
    assert [decode(row, CLASSES_19) for row in plan.labels] == [
        ("Coniferous forest", "Inland waters"),
        ("Arable land",),
    ]
    assert plan.left_out == {"without a class of the 19": 1}
    kept = plan_of(options(keep_unlabelled=True))
    assert (kept.names, kept.left_out) == (["a", "b", "c"], {})
    assert not kept.labels[2].any()


def test_facts_of_version_2_come_with_the_selection() -> None:
    facts = {"a": PatchFacts(("Pastures",), "T33UUP")}
    plan = make_plan(options(), Selection({"a": "S2/a"}, facts, {"a": "test"}), NO_FILES, NO_FILES)
    assert (plan.names, decode(plan.labels[0], CLASSES_19)) == (["a"], ("Pastures",))


def test_regions_decide_if_there_is_no_split() -> None:
    plan = plan_of(options(nomenclature=43, split_by_region=1), Selection(FOLDERS))
    assert sorted(plan.splits) == ["test", "train", "val"]
    with pytest.raises(SettingError, match="the patches lie in 2 regions, too few for 3 splits"):
        plan_of(options(split_by_region=1), Selection(FOLDERS))  # c is left out


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (JsonContents({"a": FACTS["a"], "c": FACTS["c"]}, {"b": "b.json is missing."}), r"^b.json is missing. --skip-"),
        (
            JsonContents(FACTS | {"b": PatchFacts(("Rize fields",), "")}, {}),
            r"^b has an unknown label 'Rize fields'; .*19. --skip-unreadable leaves such patches out\.$",
        ),
    ],
)
def test_patches_without_readable_labels(facts: JsonContents, message: str) -> None:
    with pytest.raises(ProductError, match=message):
        plan_of(options(), facts=facts)
    plan = plan_of(options(skip_unreadable=True, keep_unlabelled=True), facts=facts)
    assert (plan.names, list(plan.unreadable)) == (["a", "c"], ["b"])


def test_earlier_unreadable_patches_stay_listed() -> None:
    plan = plan_of(
        options(), Selection(FOLDERS, split_of=SPLITS, unreadable={"d": "d is listed"}, left_out={"snow": 3})
    )
    assert plan.unreadable == {"d": "d is listed"}
    assert plan.left_out == {"snow": 3, "without a class of the 19": 1}


def test_no_patch_remains() -> None:
    with pytest.raises(SettingError, match="no patch of S2 remains, left out: 1 without a class of the 19; give --spl"):
        plan_of(options(), Selection({"c": "S2/c"}, split_of=SPLITS))


# --- Sentinel-1 partners


def with_s1(**changes: object) -> Selection:
    folders = {f"s1_{name}": f"S1/{name}" for name in "abcd"}
    return Selection(FOLDERS, split_of=SPLITS, **{"unlisted_s1": folders, **changes})


def test_partners_come_from_lists_and_from_json_files() -> None:
    partners = JsonContents({"s1_a": "a", "s1_b": "b", "s1_c": "c", "s1_d": "of another patch"}, {})
    selection = with_s1(partners={"b": "listed/b"})
    plan = plan_of(options(s1_root=Path("S1"), nomenclature=43), selection, partners=partners)
    assert plan.has_s1
    assert [patch.s1 for patch in plan.patches] == ["S1/a", "listed/b", "S1/c"]


def test_the_first_of_two_partners_is_taken() -> None:
    partners = JsonContents({"s1_a": "a", "s1_b": "b", "s1_c": "c", "s1_d": "a"}, {})
    plan = plan_of(options(s1_root=Path("S1"), nomenclature=43), with_s1(), partners=partners)
    assert plan.patches[0].s1 == "S1/a"


def test_a_patch_without_a_partner_is_unreadable() -> None:
    partners = JsonContents({"s1_a": "a", "s1_c": "c"}, {"s1_b": "s1_b.json has no corresponding_s2_patch."})
    message = (
        r"^b has no Sentinel-1 partner in S1 \(1 patches there do not name theirs: s1_b.json has no corr.*\. --skip"
    )
    with pytest.raises(ProductError, match=message):
        plan_of(options(s1_root=Path("S1")), with_s1(), partners=partners)
    plan = plan_of(options(s1_root=Path("S1"), skip_unreadable=True, nomenclature=43), with_s1(), partners=partners)
    assert plan.names == ["a", "c"]


# --- bands at 10 m


def test_the_first_existing_geotiff_decides_on_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.tif").touch()
    monkeypatch.setattr(planning, "find_superres_groups", lambda path: (Path(path).name, "s2_20m"))
    plan = plan_of(options(superres=tmp_path, nomenclature=43))
    assert plan.superres_groups == ("b.tif", "s2_20m")
    assert [patch.superres for patch in plan.patches] == [str(tmp_path / f"{name}.tif") for name in "abc"]


# --- the digest


def test_the_digest_is_that_of_earlier_versions() -> None:
    """An interrupted run of an earlier version of this code continues only if the digest is the same."""
    plan = plan_of(options())
    assert plan.digest() == "ee1752e96742285586e0328d1cc1dcecf4fd6b259d06a51f9d4d31c20128d842"


def test_the_digest_does_not_depend_on_where_the_archive_lies() -> None:
    elsewhere = Selection({name: f"/mnt/{folder}" for name, folder in FOLDERS.items()}, split_of=SPLITS)
    assert plan_of(options(), elsewhere).digest() == plan_of(options()).digest()


def test_the_digest_depends_on_all_that_decides_the_content() -> None:
    plan = plan_of(options())
    first, second = plan.patches
    others = [
        replace(plan, patches=[first, replace(second, name="z")]),
        replace(plan, patches=[first, replace(second, s1="S1/b")]),
        replace(plan, patches=[first, replace(second, superres="fine/b.tif")]),
        replace(plan, splits=["test", "train"]),
        replace(plan, labels=1 - plan.labels),
        replace(plan, class_names=tuple(reversed(plan.class_names))),
        replace(plan, superres_groups=("s2_20m",)),
    ]
    assert len({plan.digest(), *(other.digest() for other in others)}) == 1 + len(others)
