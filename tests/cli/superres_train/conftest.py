"""Scenes, a finished run of superres-train, and a copy of it in which a test may try the command."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from superres import train
from superres.networks.catalogue import NETWORKS
from tests.support.fake_safe import textured_pixels, write_safe
from tests.support.logs import own_logging
from tests.support.tiny_training import tiny_network, write_scenes
from tests.support.training_bench import OTHER_CORNER, TrainingBench, training_options


@pytest.fixture(scope="session")
def two_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two scenes to train on. Do not change them."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def third_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third scene, on other ground. Do not change it."""
    pixels = textured_pixels(np.random.default_rng(5), 120)
    return write_safe(tmp_path_factory.mktemp("other"), tile="T31UDQ", size=120, pixels=pixels, upper_left=OTHER_CORNER)


@pytest.fixture(scope="session")
def finished_training(two_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `patches` and `run`, of two epochs with a tiny network. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    with own_logging(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        assert train.main(training_options(two_scenes, folder)) == 0
    return folder


@pytest.fixture
def bench(
    tmp_path: Path,
    finished_training: Path,
    two_scenes: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    unpainted: None,
) -> TrainingBench:
    """A copy of the finished run, with the tiny network as `dsen2`, and figures that are composed but not painted."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    shutil.copytree(finished_training, tmp_path, dirs_exist_ok=True)
    return TrainingBench(tmp_path, two_scenes, capfd)
