"""`superres/weights.py`: published weights are fetched once, checked, kept in the cache, and their licence is told."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from common.errors import WeightsError
from common.files import downloads as wheels
from common.files.downloads import DSEN2_WEIGHTS, Wheel, cache_folder
from common.runs.folder import CONFIG, WEIGHTS
from superres import weights
from superres.networks import published as published_weights
from superres.networks.published import IN_WHEEL, PUBLISHED
from superres.networks.trained import trained_levels
from superres.networks.weights import find_weights

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small wheel in place of the real one; nothing is in the cache, and pip copies it."""
    path = tmp_path / "remote_sensing_processor-0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for published in PUBLISHED.values():
            archive.writestr(f"{IN_WHEEL}/{published.member}", f"weights {published.member}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = Wheel(DSEN2_WEIGHTS.package, DSEN2_WEIGHTS.version, hashlib.sha256(path.read_bytes()).hexdigest(), 0.1)
    monkeypatch.setattr(published_weights, "DSEN2_WEIGHTS", small)
    for name, published in PUBLISHED.items():
        digest = hashlib.sha256(f"weights {published.member}".encode()).hexdigest()
        monkeypatch.setitem(PUBLISHED, name, published._replace(sha256=digest))
    monkeypatch.setattr(wheels, "download", lambda wheel, target: target.write_bytes(path.read_bytes()))
    return path


def test_all_are_fetched_and_their_licence_is_told(wheel, capsys):
    assert weights.main([]) == 0
    printed, logged = capsys.readouterr()
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert list(lines) == ["dsen2-l1c-20m", "dsen2-l1c-60m", "dsen2-l2a-60m"]
    for name, path in lines.items():
        assert Path(path) == cache_folder() / "weights" / f"{name}.hdf5"
        assert Path(path).read_text() == f"weights {PUBLISHED[name].member}"
    assert logged.count("come under GPL-3") == 3


def test_they_are_fetched_once(wheel, monkeypatch, capsys):
    assert weights.main(["dsen2-l2a-60m"]) == 0
    wheel.unlink()
    (cache_folder() / "downloads" / wheel.name).unlink()
    capsys.readouterr()
    assert weights.main(["dsen2-l2a-60m"]) == 0
    assert "GPL-3" not in capsys.readouterr().err


def test_a_file_damaged_in_the_cache_is_unpacked_again(wheel):
    path = find_weights("dsen2-l1c-60m")
    path.write_text("damaged")
    assert find_weights("dsen2-l1c-60m").read_text() == f"weights {PUBLISHED['dsen2-l1c-60m'].member}"


def test_a_wheel_with_other_content(wheel, monkeypatch, capsys):
    other = PUBLISHED["dsen2-l1c-20m"]._replace(member="none.hdf5")
    monkeypatch.setitem(PUBLISHED, "dsen2-l1c-20m", other)
    assert weights.main(["dsen2-l1c-20m", "--log-level", "WARNING"]) == 1
    licence, line = capsys.readouterr().err.splitlines()
    assert "GPL-3" in licence
    assert line.startswith("DownloadError: remote-sensing-processor 0.1 holds no ")
    assert not (cache_folder() / "weights").exists()


def test_an_unknown_name(wheel, capsys):
    assert weights.main(["dsen2-l2a-20m"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WeightsError: no weights are published as dsen2-l2a-20m; give some of dsen2-l1c-20m, ")
    with pytest.raises(WeightsError, match="Published ones are dsen2-l1c-20m, dsen2-l1c-60m, dsen2-l2a-60m"):
        find_weights("dsen2-l2a-20m")


def test_levels_are_known_by_content_and_from_run_folders(wheel, tmp_path):
    assert trained_levels("dsen2-l1c-20m") == ("L1C",)
    copy = shutil.copy(find_weights("dsen2-l2a-60m"), tmp_path / "mine.hdf5")
    assert trained_levels(copy) == ("L2A",)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / WEIGHTS).write_text("weights of my own")
    assert trained_levels(tmp_path / "run") == ()
    (tmp_path / "run" / CONFIG).write_text('{"levels": ["L1C", "L2A"]}')
    assert trained_levels(tmp_path / "run") == ("L1C", "L2A")


def test_help_of_the_script():
    done = subprocess.run(
        [sys.executable, "superres/weights.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("example:\n  python superres/weights.py\n")
    assert "GPL-3" in done.stdout
