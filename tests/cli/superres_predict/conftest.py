"""Weights, a product, and a function that runs `superres/predict.py` with a tiny network in place of DSen2."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.runs.folder import WEIGHTS, write_config
from superres import predict
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from tests.support.checks import set_random_weights
from tests.support.fake_safe import textured_pixels, write_safe
from tests.support.tiny_training import tiny_network

SIZE = 60


@pytest.fixture(scope="session")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights `20.weights.h5` and `60.weights.h5`, and run folders `run20` and `run60`. Do not change it."""
    path = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        for gsd in (20, 60):
            model = build_network("dsen2", gsd)
            set_random_weights(model, spread=0.05)
            model.save_weights(path / f"{gsd}.weights.h5")
            (path / f"run{gsd}").mkdir()
            model.save_weights(path / f"run{gsd}" / WEIGHTS)
            write_config(path / f"run{gsd}", SuperresConfig(tiles="tiles.txt", gsd=gsd))
    return path


@pytest.fixture(scope="session")
def second_run(weights_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder for 20 m with other weights than `run20`. Do not change it."""
    folder = tmp_path_factory.mktemp("second") / "run"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        model = build_network("dsen2", 20)
        set_random_weights(model, seed=1, spread=0.05)
        model.save_weights(folder / WEIGHTS)
    write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=20))
    return folder


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L2A product with offset -1000."""
    pixels = textured_pixels(np.random.default_rng(0), SIZE)
    return write_safe(tmp_path_factory.mktemp("product"), level="L2A", baseline="04.00", size=SIZE, pixels=pixels)


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Run:
    """A function that calls the command and returns its exit code and stderr; the tiny network replaces DSen2."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())

    def call(*arguments: object, level: str = "WARNING") -> tuple[int, str]:
        code = predict.main(["--log-level", level, *map(str, arguments)])
        return code, capfd.readouterr().err

    return call


@pytest.fixture
def error_line(run: Run, tmp_path: Path) -> Callable[..., str]:
    """A function that checks that the command fails with one line and changes no file, and returns the line."""

    def call(*arguments: object) -> str:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        code, stderr = run(*arguments)
        assert code == 1
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        lines = [line for line in stderr.splitlines() if "WARNING" not in line]
        assert len(lines) == 1, stderr
        return lines[0]

    return call
