"""`superres-weights`: print the files of published weights and their licence; see also `networks/test_published.py`."""

from pathlib import Path

import pytest

from common.files.downloads import cache_folder
from superres import weights
from superres.networks.published import PUBLISHED


def test_all_are_fetched_and_their_licence_is_logged(weights_wheel: Path, capsys: pytest.CaptureFixture) -> None:
    assert weights.main([]) == 0
    printed, logged = capsys.readouterr()
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert list(lines) == ["dsen2-l1c-20m", "dsen2-l1c-60m", "dsen2-l2a-60m"]
    for name, path in lines.items():
        assert Path(path) == cache_folder() / "weights" / f"{name}.hdf5"
        assert Path(path).read_text() == f"weights {PUBLISHED[name].member}"
    assert logged.count("licensed under GPL-3") == 3


def test_some_are_fetched_by_name(weights_wheel: Path, capsys: pytest.CaptureFixture) -> None:
    assert weights.main(["dsen2-l2a-60m"]) == 0
    assert capsys.readouterr().out.split()[0] == "dsen2-l2a-60m"
    assert [path.stem for path in (cache_folder() / "weights").iterdir()] == ["dsen2-l2a-60m"]


def test_the_licence_is_logged_at_level_warning(
    weights_wheel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Before the error about a wheel that lacks the weights, which is one line."""
    without_member = PUBLISHED["dsen2-l1c-20m"]._replace(member="none.hdf5")
    monkeypatch.setitem(PUBLISHED, "dsen2-l1c-20m", without_member)
    assert weights.main(["dsen2-l1c-20m", "--log-level", "WARNING"]) == 1
    licence, line = capsys.readouterr().err.splitlines()
    assert "GPL-3" in licence
    assert line.startswith("DownloadError: remote-sensing-processor 0.1 holds no ")


def test_unknown_name(weights_wheel: Path, capsys: pytest.CaptureFixture) -> None:
    assert weights.main(["dsen2-l2a-20m"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WeightsError: no weights are published as dsen2-l2a-20m; give names of dsen2-l1c-20m, ")
    assert not (cache_folder() / "weights").exists()
