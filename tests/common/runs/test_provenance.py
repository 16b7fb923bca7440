"""How a result was made: command, time, code revision, library versions."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from common.runs import provenance
from common.runs.provenance import code_revision, first_difference, library_versions, provenance_line, provenance_record

REVISION = r"[0-9a-f]{12}(-dirty)?|unknown"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line that all tests here see."""
    monkeypatch.setattr("sys.argv", ["superres/train.py", "--seed", "7"])


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module of provenance at its place."""
    module = tmp_path / "common" / "runs" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("first")
    monkeypatch.setattr(provenance, "__file__", str(module))
    return tmp_path


def test_the_record_fits_json() -> None:
    record = json.loads(json.dumps(provenance_record()))
    assert record["command"] == ["superres/train.py", "--seed", "7"]
    assert re.fullmatch(REVISION, record["code_revision"])
    assert re.fullmatch(TIME, record["created_utc"])
    assert record["versions"] == library_versions()


def test_the_line_is_one_sentence_with_command_revision_and_time() -> None:
    line = rf"Made by `superres/train\.py --seed 7`, code revision ({REVISION}), {TIME}\."
    assert re.fullmatch(line, provenance_line())


def test_variables_that_change_numbers_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in provenance.number_variables():
        monkeypatch.delenv(name)
    assert provenance_record()["environment"] == {}
    wanted = {"HOROVOD_FUSION_THRESHOLD": "0", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "TF_DETERMINISTIC_OPS": "1"}
    for name, value in {**wanted, "TF_CPP_MIN_LOG_LEVEL": "2", "HOROVOD_STALL_CHECK_TIME_SECONDS": "9"}.items():
        monkeypatch.setenv(name, value)
    assert provenance_record()["environment"] == wanted
    variables = "HOROVOD_FUSION_THRESHOLD=0, ONEDNN_DEFAULT_FPMATH_MODE=BF16, TF_DETERMINISTIC_OPS=1"
    assert provenance_line().endswith(f", with {variables}.")


@pytest.mark.parametrize("mode, warns", [(None, False), ("strict", False), ("BF16", True), ("any", True)])
def test_float32_in_fewer_digits_is_warned_of(
    mode: str | None, warns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if mode:
        monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", mode)
    provenance.warn_of_reduced_float32()
    assert [message.startswith(f"ONEDNN_DEFAULT_FPMATH_MODE={mode}: ") for message in caplog.messages] == [True] * warns


def test_versions_are_those_of_installed_libraries_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "LIBRARIES", ("numpy", "no-such-library"))
    assert library_versions().keys() == {"python", "numpy"}


def test_outside_a_checkout_the_revision_is_unknown(checkout: Path) -> None:
    assert code_revision() == "unknown"


def test_a_changed_file_makes_the_revision_dirty(checkout: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=n", "-c", "user.email=e@example.com")
        subprocess.run(["git", "-C", str(checkout), *who, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    revision = code_revision()
    assert re.fullmatch(r"[0-9a-f]{12}", revision)
    (checkout / "common" / "runs" / "provenance.py").write_text("second")
    assert code_revision() == f"{revision}-dirty"


def test_without_git_the_revision_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_revision() == "unknown"


def test_the_first_rank_with_another_library_is_named() -> None:
    ranks = [("a", {"numpy": "2.1", "h5py": "3"}), ("a", {"numpy": "2.1", "h5py": "3"}), ("b", {"numpy": "2.2"})]
    assert first_difference(ranks[:2]) is None
    assert str(first_difference(ranks)).startswith("rank 2 on b has numpy 2.2, and rank 0 on a 2.1; ")
    ranks[2][1]["numpy"] = "2.1"
    assert "h5py not installed, and rank 0 on a 3" in str(first_difference(ranks))
    assert "numpy 2.1, and rank 0 on b not installed" in str(first_difference([("b", {}), ranks[0]]))
