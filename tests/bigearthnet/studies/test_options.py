"""Options of a comparison: which variants follow, and options that contradict each other."""

from pathlib import Path

import pytest

from bigearthnet.studies.catalogue import STUDIES
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from common.errors import SettingError
from common.studies.options import StudyOptions


def comparison(
    study: str | None = None, seeds: tuple[int, ...] = (0, 1), quick: bool = False, **more
) -> ComparisonOptions:
    shared = StudyOptions(STUDIES[study] if study else None, quick, seeds, Path("out"))
    return ComparisonOptions(shared, InputOptions(("a.h5",)), more.pop("settings", {}), more.pop("lists", {}))


def test_lists_give_all_combinations_with_labels_that_stay_when_lists_grow() -> None:
    options = comparison(lists={"model": ("small", "resnet18"), "loss": ("bce", "focal")}, settings={"bands": "rgb"})
    labels = [f"{model}, rgb, {loss}" for model in ("small", "resnet18") for loss in ("bce", "focal")]
    variants = options.variants(["a.h5"])
    assert [(variant.label, variant.seed) for variant in variants] == [
        (label, seed) for label in labels for seed in (0, 1)
    ]
    config = options.config(variants[-1])
    assert (config.model, config.loss, config.bands, config.data, config.seed) == (
        "resnet18",
        "focal",
        "rgb",
        "a.h5",
        1,
    )
    fewer = comparison(lists={"model": ("small",), "loss": ("bce",)}, settings={"bands": "rgb"}, seeds=(0,))
    assert fewer.variants(["a.h5"]) == variants[:1]


def test_several_files_are_variants() -> None:
    variants = comparison(settings={"model": "small"}, seeds=(0,)).variants(["data/a.h5", "data/b.h5"])
    assert [variant.label for variant in variants] == ["small, s2, a", "small, s2, b"]
    assert [variant.settings["data"] for variant in variants] == ["data/a.h5", "data/b.h5"]


def test_a_recipe_gives_network_and_bands() -> None:
    options = comparison(settings={"recipe": "reben", "bands": "s1_10bands"}, seeds=(0,))
    assert [variant.label for variant in options.variants(["a.h5"])] == ["resnet50, s1_10bands"]


def test_a_study_gives_its_variants_and_their_files() -> None:
    variants = comparison("superres-input").variants(["native.h5", "fine.h5"])
    files = {variant.label: variant.settings["data"] for variant in variants}
    assert files == {
        "native": "native.h5",
        "bilinear": "native.h5",
        "bicubic": "native.h5",
        "super-resolved": "fine.h5",
    }
    quick = comparison("networks", quick=True, settings={"epochs": 7})
    assert [variant.label for variant in quick.variants(["a.h5"])] == ["resnet18"] * 2
    assert quick.config(quick.variants(["a.h5"])[0]).epochs == 7


def test_a_question_needs_two_variants_and_two_seeds() -> None:
    lists = {"model": ("small", "resnet18")}
    question = comparison(lists=lists).question
    assert (question.reference, list(question.varied)) == ("small, s2", ["small, s2", "resnet18, s2"])
    assert comparison(lists=lists, seeds=(0,)).question is None
    assert comparison(lists={"model": ("small",)}).question is None
    assert comparison("bands").question is STUDIES["bands"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lists": {"bands": ("rgb",)}, "settings": {"bands": "s2"}}, "--band-sets and --bands contradict each other"),
        (
            {"study": "bands", "lists": {"model": ("small",)}},
            "--models is for comparisons without --study; --study bands varies",
        ),
        ({"study": "bands", "settings": {"bands": "s2"}}, "--study bands varies --bands itself; leave the option out"),
        (
            {"study": "bands", "seeds": (3,)},
            "--study bands judges differences by their spread over seeds, and --seeds 3 is one",
        ),
        ({"quick": True}, "--quick is the short form of a study"),
    ],
)
def test_options_that_contradict_each_other(options: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        comparison(**options)
