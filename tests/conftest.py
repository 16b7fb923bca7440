"""Fixtures for all tests: a fake product, made once per test run, a small wheel of weights, and the folder of real data."""

import hashlib
import logging
import os
import signal
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.runs import imports, progress
from tests.support.fake_safe import write_safe

imports.speed_up_imports()  # as in commands
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell ignores it for what it starts with &
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module", autouse=True)
def logging_of_the_module() -> Iterator[None]:
    """Undo the logging that commands in a module set up, so that modules can run in any order."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in list(root.handlers):
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)


@pytest.fixture(scope="session")
def fake_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L1C product of baseline 02.05, 240 px wide at 10 m, pixels as `expected_dn`. Do not change it."""
    return write_safe(tmp_path_factory.mktemp("product"))


@pytest.fixture
def line_after_each_piece(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Without a terminal, log a line of progress after each piece of work instead of one a minute."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1)
    caplog.set_level(logging.INFO)


@pytest.fixture
def weights_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small wheel that replaces the wheel of published weights. Downloads copy it; the cache is empty.

    Each file of weights in it is a text, "weights " and its name.
    """
    from common.files import downloads
    from superres.networks import published

    path = tmp_path / "remote_sensing_processor-0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, weights in published.PUBLISHED.items():
            text = f"weights {weights.member}"
            archive.writestr(f"{published.IN_WHEEL}/{weights.member}", text)
            digest = hashlib.sha256(text.encode()).hexdigest()
            monkeypatch.setitem(published.PUBLISHED, name, weights._replace(sha256=digest))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel = replace(published.DSEN2_WEIGHTS, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), megabytes=0.1)
    monkeypatch.setattr(published, "DSEN2_WEIGHTS", wheel)
    monkeypatch.setattr(downloads, "download", lambda wheel, target: target.write_bytes(path.read_bytes()))
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real products and patches that JEOPARDA_REAL_DATA names."""
    folder = os.environ.get("JEOPARDA_REAL_DATA")
    if not folder:
        pytest.skip("set JEOPARDA_REAL_DATA to the folder of real Sentinel-2 data to run this test")
    return Path(folder)
