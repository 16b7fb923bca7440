"""The studies: their settings are settings of the training, and their metrics are known."""

import pytest

from bigearthnet.studies.catalogue import STUDIES, SUPER_RESOLVED, SUPERRES_INPUT
from bigearthnet.training.config import BigEarthNetConfig
from common.metrics.descriptions import DESCRIPTIONS
from common.studies.study import Study


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("quick", [False, True])
def test_each_variant_has_settings_of_its_own(study: Study, quick: bool) -> None:
    shared = {"data": "data.h5", **study.settings, **(study.quick if quick else {})}
    configs = {label: BigEarthNetConfig.from_dict({**shared, **own}) for label, own in study.chosen(quick).items()}
    same = {SUPER_RESOLVED} if study.name == SUPERRES_INPUT else set()  # differs by its file
    assert len(set(configs.values())) == len(configs) - len(same)
    for metric in (*study.metrics, *study.shown):
        assert not DESCRIPTIONS[metric].lower_is_better
    assert not set(study.metrics) & set(study.shown)


def test_the_questions_have_these_names() -> None:
    assert list(STUDIES) == ["networks", "bands", "superres-input", "imbalance", "sentinel1"]
