"""The command `common/sample.py`, called as from a shell."""

from pathlib import Path

import pytest

from common import sample

ROOT = Path(__file__).parents[2]


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        sample.main(["--no-such-option"])
    assert stopped.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err


def test_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert sample.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("OutputError: cannot read or write ")
    assert line.endswith("Not a directory; check space and permissions there.")


def test_download_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Nothing answers at the address of the package registry."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    assert sample.main(["--log-level", "WARNING"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("DownloadError: cannot download bigearthnet-common 2.8.0: ")
    assert "check the network, or put the wheel at " in line
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
