"""Model cards of classification. `tests/cli/test_bigearthnet_train.py` reads the card of a real run."""

from pathlib import Path

import pytest

from bigearthnet.cards.model_card import describe_left_out, describe_limits, describe_patches, describe_use, patch_days
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import TrainingData, open_data
from tests.support.made_patches import CLASSES, split_names, write_made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    path = write_made(tmp_path_factory.mktemp("data") / "made.h5", split_names(4, 2, 0))
    return open_data(BigEarthNetConfig(data=str(path)))


def test_patches_and_classes(data):
    text = describe_patches(data)
    assert "- Patches: 4 to train on, 2 to validate, 0 to test" in text
    assert data.file.attributes["checksum"] in text
    counts = data.file.labels[data.train.rows].sum(axis=0)
    for name, count in zip(CLASSES, counts, strict=True):
        assert f"| {name} | {count} |" in text


def test_classes_with_few_patches_are_named(data):
    assert f"fewer than 100 training patches, whose scores mean little: {'; '.join(CLASSES)}." in describe_limits(data)


def test_days_of_patches():
    names = ["S2A_MSIL2A_20180413T95032_90_7", "S2B_MSIL2A_20170906T101020_N9999_R022_T34VER_74_19", "made_3"]
    assert patch_days(names) == ["2018-04-13", "2017-09-06"]


def test_patches_that_were_left_out():
    assert describe_left_out('{"snow or clouds": 3, "no class": 0}') == "3 (snow or clouds)"
    assert describe_left_out("{}") == "none"
    for damaged in ("{", "[]", "[" * 9999):
        assert describe_left_out(damaged) == "unknown, because the record in the file is damaged"


def test_the_command():
    assert "bigearthnet/predict.py PRODUCT.SAFE --run-dir runs/classes" in describe_use(Path("runs/classes"))
