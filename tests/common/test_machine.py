"""Machines that share a disk are told apart, and processes are seen."""

import os
import subprocess
import sys
import time
from pathlib import Path

from common import machine
from common.machine import process_exists, process_state, this_machine


def test_this_machine_is_told_apart_by_more_than_its_name(tmp_path: Path, monkeypatch) -> None:
    here = this_machine()
    assert here == this_machine()
    assert here.host == os.uname().nodename
    (tmp_path / "boot_id").write_text("6ca16c84-0000-4000-8000-000000000000\n")
    monkeypatch.setattr(machine, "_BOOT", tmp_path / "boot_id")
    assert this_machine() == here._replace(boot="6ca16c84-0000-4000-8000-000000000000") != here


def test_a_system_that_does_not_tell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(machine, "_BOOT", tmp_path / "missing")
    assert this_machine() == (os.uname().nodename, "", "")


def test_a_process_exists_until_somebody_has_waited_for_it() -> None:
    child = subprocess.Popen(["sleep", "30"])
    start, runs = process_state(child.pid)
    assert runs and process_exists(child.pid)
    child.kill()
    child.wait()
    assert not process_exists(child.pid)
    assert process_state(child.pid) is None
    assert int(start) >= int(process_state(os.getpid())[0])


def test_the_age_of_a_process() -> None:
    """Seen from the process that started it, as long ago as it says; starts are in clock ticks of 0.01 s."""
    started = time.monotonic()
    code = "import time; time.sleep(0.3); from common.machine import seconds_since_start; print(seconds_since_start())"
    age = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 0.3 < age < time.monotonic() - started + 0.02
