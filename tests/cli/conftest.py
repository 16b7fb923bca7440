"""Fixtures for tests of commands: logging as it was before each test, and finished runs of bigearthnet-train."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.support.logs import own_logging


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Each test starts with the logging of pytest."""
    with own_logging():
        yield


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose figures, but do not paint them, which is slow."""
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"unpainted"))


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
