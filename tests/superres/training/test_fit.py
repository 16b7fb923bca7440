"""The trained model, the settings that a checkpoint shares, and the run folder; whole runs are in `tests/cli`."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import WeightsError
from common.patches.ground import ScenePatches
from common.patches.split import TRAINING, VALIDATION, Split
from common.runs.folder import CHECKPOINT, LOCK, SPLIT, write_config
from common.runs.log import stop_logging_to_file
from common.runs.opening import RunLocation
from common.training.fit import digest
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from superres.training.data import TrainingData, select_patches
from superres.training.fit import build_model, checkpoint_identity, open_run
from superres.training.gan import Gan
from tests.support.checks import set_random_weights
from tests.support.patch_files import write_random_patches
from tests.support.scenes_on_ground import grid_at
from tests.support.tiny_training import tiny_network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())


def make_data(folder: Path, seed: int = 0, held_out_block: int = 0) -> TrainingData:
    files = [write_random_patches(folder, "scene", seed=seed)]
    blocks = files[0].arrays["block"]
    scenes = [ScenePatches("scene", (0, 0, 1, 1), grid_at(0, 0, 32, 32), np.zeros((6, 4)), blocks)]
    split = Split((), (np.where(blocks == held_out_block, VALIDATION, TRAINING),))
    return TrainingData(files, scenes, split, *select_patches(files, files, split, 20), ["L1C"])


def make_config(**settings: object) -> SuperresConfig:
    return SuperresConfig(**{"tiles": "t.txt", **settings})


def test_model_starts_from_init_weights(tmp_path: Path) -> None:
    start = build_network("dsen2", 20)
    set_random_weights(start)
    start.save_weights(tmp_path / "start.weights.h5")
    config = make_config(init_weights=str(tmp_path / "start.weights.h5"))
    model = build_model(config)
    assert isinstance(getattr(model.optimizer, "inner_optimizer", model.optimizer), keras.optimizers.Nadam)
    gan = build_model(make_config(model="gan", init_weights=config.init_weights))
    assert isinstance(gan, Gan)
    for trained in (model, gan.generator, gan.average):
        for variable, expected in zip(trained.trainable_variables, start.trainable_variables, strict=True):
            np.testing.assert_array_equal(variable, expected)
    with pytest.raises(WeightsError, match="does not hold weights of dsen2_60m"):
        build_model(make_config(gsd=60, init_weights=config.init_weights))


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 7},
        {"tiles": "u.txt", "test_tiles": "v.txt", "data_dir": "there"},
        {"patch_cache": "elsewhere"},
        {"init_weights": "w.h5"},
    ],
)
def test_settings_that_may_change_when_a_run_is_resumed(tmp_path: Path, settings: dict[str, object]) -> None:
    data = make_data(tmp_path)
    assert checkpoint_identity(make_config(**settings), data) == checkpoint_identity(make_config(), data)


@pytest.mark.parametrize(
    "settings",
    [{"seed": 1}, {"batch_size": 3}, {"loss": "l2"}, {"precision": "float16"}, {"teacher": "w.h5"}, {"model": "gan"}],
)
def test_settings_that_must_stay_when_a_run_is_resumed(tmp_path: Path, settings: dict[str, object]) -> None:
    data = make_data(tmp_path)
    assert checkpoint_identity(make_config(**settings), data) != checkpoint_identity(make_config(), data)


def test_cosine_schedule_fixes_the_number_of_epochs(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    first, second = (checkpoint_identity(make_config(schedule="cosine", epochs=epochs), data) for epochs in (7, 8))
    assert {name for name in first if first[name] != second[name]} == {"epochs"}


def test_settings_of_adversarial_training_are_only_in_its_checkpoints(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    assert "adversarial_weight" not in checkpoint_identity(make_config(), data)
    assert "adversarial_weight" in checkpoint_identity(make_config(model="gan"), data)


def test_checkpoints_depend_on_the_patches_and_their_split(tmp_path: Path) -> None:
    config = make_config()
    identity = checkpoint_identity(config, make_data(tmp_path))
    blocks = {"scene": [0]}
    assert identity["validation blocks"] == digest(sorted(blocks.items()))  # as in the checkpoints of earlier versions
    for data, name in (
        (make_data(tmp_path, held_out_block=1), "validation blocks"),
        (make_data(tmp_path, seed=1), "patch files"),
    ):
        other = checkpoint_identity(config, data)
        assert {key for key in identity if identity[key] != other[key]} == {name}


@pytest.fixture
def run_log() -> Iterator[None]:
    """End the logging into the run folder after the test."""
    yield
    stop_logging_to_file()


@pytest.mark.usefixtures("run_log")
def test_a_new_run_folder_gets_the_split_and_a_resumed_one_keeps_it(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    with open_run(make_config(), RunLocation(tmp_path / "run"), data) as (folder, resumes):
        assert (folder, resumes) == (tmp_path / "run", False)
        assert (folder / LOCK).exists()
    assert not (folder / LOCK).exists()
    assert (folder / SPLIT).read_text().splitlines()[1] == "scene 4 2 0"
    (folder / SPLIT).write_text("as it was")
    write_config(folder, make_config())
    (folder / CHECKPOINT).touch()
    other_data = make_data(tmp_path, held_out_block=1)
    with open_run(make_config(), RunLocation(folder, resume=True), other_data) as opened:
        assert opened == (folder, True)
    assert (folder / SPLIT).read_text() == "as it was"
