"""Fixtures for tests of commands: logging as it was before each test, and finished runs."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.fake_safe import textured_pixels, write_safe
from tests.support.logs import own_logging
from tests.support.tiny_training import tiny_network, write_scenes

if TYPE_CHECKING:
    from tests.support.training_bench import TrainingBench


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Each test starts with the logging of pytest."""
    with own_logging():
        yield


@pytest.fixture(scope="session")
def two_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two scenes to train on. Do not change them."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def third_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third scene, on other ground. Do not change it."""
    from tests.support.training_bench import OTHER_CORNER

    pixels = textured_pixels(np.random.default_rng(5), 120)
    return write_safe(tmp_path_factory.mktemp("other"), tile="T31UDQ", size=120, pixels=pixels, upper_left=OTHER_CORNER)


@pytest.fixture(scope="session")
def finished_training(two_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `patches` and `run`, of two epochs with a tiny network. Do not change it."""
    from superres import train
    from superres.networks.catalogue import NETWORKS
    from tests.support.training_bench import training_options

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
) -> "TrainingBench":
    """A copy of the finished run, with the tiny network as `dsen2`."""
    from superres.networks.catalogue import NETWORKS
    from tests.support.training_bench import TrainingBench

    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    shutil.copytree(finished_training, tmp_path, dirs_exist_ok=True)
    return TrainingBench(tmp_path, two_scenes, capfd)


@pytest.fixture
def tiny_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network that compiles in a second stand for `small`."""
    from bigearthnet.networks.catalogue import NETWORKS
    from tests.support.made_patches import tiny_network

    monkeypatch.setitem(NETWORKS, "small", tiny_network)


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `made.h5`, and with the runs `s2` and `rgb` of `small` on it. Do not change it."""
    from bigearthnet import train
    from bigearthnet.networks.catalogue import NETWORKS
    from tests.support.made_patches import split_names, tiny_network, write_made

    folder = tmp_path_factory.mktemp("runs")
    data = write_made(folder / "made.h5", split_names(8, 5, 9))
    with own_logging(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", tiny_network)
        for bands in ("s2", "rgb"):
            options = ["--model", "small", "--bands", bands, "--epochs", "1", "--batch-size", "4"]
            assert train.main(["--data", str(data), "--run-dir", str(folder / bands), *options]) == 0
    return folder
