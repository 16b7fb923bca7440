"""The model that is trained: optimizer, loss, weight decay, and the settings that a checkpoint shares."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import TrainingData, open_data
from bigearthnet.training.fit import build_model, checkpoint_identity
from bigearthnet.training.losses import WeightedCrossEntropy, present_weights
from tests.support.made_patches import split_names, write_made

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("data") / "made.h5", split_names(6, 2, 1))


def case(file: Path, **settings: object) -> tuple[BigEarthNetConfig, TrainingData]:
    config = BigEarthNetConfig(data=str(file), model="small", **settings)
    return config, open_data(config)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weight_decay_spares_biases_and_normalisations(file: Path, optimizer: str) -> None:
    model = build_model(*case(file, optimizer=optimizer))
    kept = [variable.path for variable in model.trainable_variables if model.optimizer._use_weight_decay(variable)]
    assert kept == ["first/kernel", "logits/kernel"]


def test_loss_weighs_by_the_classes_of_the_training_patches(file: Path) -> None:
    config, data = case(file, loss="weighted")
    loss = build_model(config, data).loss
    assert isinstance(loss, WeightedCrossEntropy)
    counts = data.file.labels[:6].sum(axis=0)
    np.testing.assert_allclose(loss.weights, present_weights(counts, 6))


@pytest.mark.parametrize("schedule, is_changeable", [("plateau", True), ("cosine", False)])
def test_number_of_epochs_may_change_unless_the_schedule_depends_on_it(
    file: Path, schedule: str, is_changeable: bool
) -> None:
    few, many = (checkpoint_identity(*case(file, schedule=schedule, epochs=epochs)) for epochs in (2, 3))
    assert (few == many) == is_changeable


def test_other_settings_and_other_patches_make_another_checkpoint(file: Path, tmp_path: Path) -> None:
    identity = checkpoint_identity(*case(file))
    assert checkpoint_identity(*case(file, bands="rgb")) != identity
    assert checkpoint_identity(*case(file, loss="focal")) != identity
    other = write_made(tmp_path / "made.h5", split_names(6, 2, 1), seed=1)
    assert checkpoint_identity(*case(other)) != identity
    moved = write_made(tmp_path / "moved.h5", split_names(6, 2, 1))
    assert checkpoint_identity(*case(moved)) == identity  # the same patches in another place
