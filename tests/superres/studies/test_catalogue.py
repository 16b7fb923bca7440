"""The studies of super-resolution: each preset is a valid training, and its runs differ in what it varies only."""

import dataclasses

import pytest

from common.metrics.descriptions import DESCRIPTIONS
from common.patches.settings import DEGRADATIONS
from common.studies.variants import vary
from superres.networks.catalogue import NETWORKS, UPSAMPLINGS
from superres.studies.catalogue import STUDIES, SuperresStudy
from superres.training.config import SuperresConfig

QUESTIONS = ["networks", "interpolation", "blur", "extremes", "adversary", "losses"]


def test_each_question_has_a_study() -> None:
    assert list(STUDIES) == QUESTIONS
    assert list(STUDIES["networks"].varied) == [name for name in NETWORKS if name != "joint"]
    assert set(STUDIES["interpolation"].varied) == set(UPSAMPLINGS)
    assert STUDIES["blur"].tests == DEGRADATIONS
    assert {"brightness_power", "brightness_ceiling", "loss"} == STUDIES["extremes"].own_names


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_variants_are_valid_and_differ_in_their_own_settings_only(study: SuperresStudy, quick: bool) -> None:
    shared = {"tiles": "tiles.txt", **study.settings, **(study.quick if quick else {})}
    configs = [SuperresConfig.from_dict({**shared, **own}) for own in study.chosen(quick).values()]
    for config in configs:
        differing = {
            field.name
            for field in dataclasses.fields(config)
            if getattr(config, field.name) != getattr(configs[0], field.name)
        }
        assert differing <= study.own_names
    assert len(set(configs)) == len(configs)
    assert len(vary(study.varied, (0, 1))) == 2 * len(study.varied)


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_verdicts_are_about_metrics_with_a_better_direction(study: SuperresStudy) -> None:
    assert all(DESCRIPTIONS[metric].lower_is_better is not None for metric in study.metrics)
    assert set(study.shown) <= DESCRIPTIONS.keys()
    assert len({*study.metrics, *study.shown}) == len(study.metrics) + len(study.shown)
    assert study.question.endswith("?")
