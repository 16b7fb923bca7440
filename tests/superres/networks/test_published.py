"""Published weights are fetched once, checked by SHA-256, and kept in the cache. Runs without TensorFlow."""

from pathlib import Path

import pytest

from common.errors import DownloadError
from common.files.downloads import cache_folder
from superres.networks.published import PUBLISHED, fetch_published

NAME = "dsen2-l1c-60m"


def expected_text(name: str) -> str:
    return f"weights {PUBLISHED[name].member}"


def test_weights_are_fetched_once(weights_wheel: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = fetch_published(NAME)
    assert path == cache_folder() / "weights" / f"{NAME}.hdf5"
    assert path.read_text() == expected_text(NAME)
    assert "are licensed under GPL-3" in caplog.text
    weights_wheel.unlink()
    (cache_folder() / "downloads" / weights_wheel.name).unlink()
    caplog.clear()
    assert fetch_published(NAME) == path
    assert "GPL-3" not in caplog.text


def test_a_damaged_file_in_the_cache_is_replaced(weights_wheel: Path) -> None:
    fetch_published(NAME).write_text("damaged")
    assert fetch_published(NAME).read_text() == expected_text(NAME)


def test_a_wheel_that_lacks_the_weights(weights_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, NAME, PUBLISHED[NAME]._replace(member="none.hdf5"))
    with pytest.raises(DownloadError, match=r"remote-sensing-processor 0\.1 holds no .*none\.hdf5"):
        fetch_published(NAME)
    assert not (cache_folder() / "weights").exists()
