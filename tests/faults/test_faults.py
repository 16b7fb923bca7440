"""The harness strikes where it says, copies disks as a power cut leaves them, and counts right; two faults do no harm."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import disks
from tests.faults.flips import fingerprint
from tests.faults.jobs import ROOT, Job
from tests.faults.strikes import RenameCounter, Strike
from tests.faults.table import Outcome, table
from tests.support.flips import flip_bit


def rename_three_files(folder: Path, strike: Strike) -> int:
    """Rename three files, one in each way, with a strike."""
    RenameCounter(strike)
    for number, rename in enumerate((os.rename, os.replace, lambda source, target: Path(source).replace(target)), 1):
        source = folder / f"new{number}"
        source.touch()
        rename(source, folder / str(number))
    return 0


@pytest.mark.parametrize("number, after", [(1, False), (2, True), (3, False)])
def test_a_strike_comes_right_before_or_after_its_rename(tmp_path: Path, number: int, after: bool) -> None:
    strike = Strike(number, after, signal.SIGKILL)
    assert Strike.from_words(strike.words()) == strike
    job = Job(tmp_path / "log", lambda: rename_three_files(tmp_path, strike))
    assert job.wait(10) == -signal.SIGKILL
    assert job.left_after(0) == []
    renamed = [name for name in ("1", "2", "3") if (tmp_path / name).exists()]
    assert renamed == ["1", "2", "3"][: number if after else number - 1]


def test_processes_of_a_job_are_found_and_ended(tmp_path: Path) -> None:
    job = Job(tmp_path / "log", lambda: subprocess.run(["sleep", "60"]).returncode)
    assert job.wait_until(lambda: len(job.processes()) == 2, 10)
    job.send(signal.SIGKILL, [job.process_id])
    assert job.wait(10) == -signal.SIGKILL
    assert len(job.left_after(0.1)) == 1
    assert job.left_after(10) == []


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_copied_disk_holds_only_what_was_given_to_the_disk(tmp_path: Path, kind: str) -> None:
    if reason := disks.reason_to_skip(kind, tmp_path):
        pytest.skip(reason)
    image, disk = tmp_path / "disk.img", tmp_path / "disk"
    disks.make_disk(image, kind)
    with disks.mounted(image, kind, disk):
        for name in ("synced", "not-synced"):
            with open(disk / name, "wb") as file:
                file.write(b"content")
                file.flush()
                if name == "synced":
                    os.fsync(file.fileno())
        disks.copy_as_cut(image, tmp_path / "cut.img")
    with disks.mounted(tmp_path / "cut.img", kind, tmp_path / "after"):
        assert (tmp_path / "after" / "synced").read_bytes() == b"content"
        lost = tmp_path / "after" / "not-synced"
        assert not lost.exists() or lost.read_bytes() == b""


def test_flipped_bit_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3))
    flip_bit(path, 1, 7)
    assert path.read_bytes() == b"\x00\x80\x00"
    assert fingerprint({"a": [b"\x00"]}) != fingerprint({"a": [b"\x80"]})


def test_table_counts_what_was_lost_and_what_stayed() -> None:
    outcomes = [
        Outcome("kill", fine="nothing happened"),
        Outcome("kill", lost=["an epoch"]),
        Outcome("kill", lost=["an epoch"], untidy=["a file"]),
        Outcome("cut", skipped="only root may mount"),
    ]
    assert table(outcomes).splitlines() == [
        "| Fault | Tried | Fine | Lost | Untidy |",
        "|---|---:|---:|---:|---:|",
        "| kill | 3 | 1 | 2 | 1 |",
        "| cut | 0 | 0 | 0 | 0 |",
        "",
        "- kill: fine: nothing happened",
        "- kill: lost: an epoch (2 times)",
        "- kill: untidy: a file",
        "- cut: skipped: only root may mount",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)  # half a minute on two idle cores
def test_a_kill_and_a_second_job_do_no_harm() -> None:
    """The seed draws SIGKILL right after a rename."""
    words = ["kills", "two-jobs", "--tries", "1", "--application", "superres", "--seed", "57"]
    done = subprocess.run([sys.executable, "-m", "tests.faults", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIGKILL to the process at a rename" in done.stdout
