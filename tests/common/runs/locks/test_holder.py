"""Who holds a lock, and whether this process still runs."""

import dataclasses
import os
import subprocess
import time

import pytest

from common.machine import process_state
from common.runs.locks.holder import parse_holder, this_process


def test_a_record_is_read_as_it_was_written() -> None:
    holder = this_process()
    assert parse_holder(holder.to_bytes()) == holder
    assert holder.is_here
    assert holder.is_running() is True


def test_no_two_records_are_equal() -> None:
    assert this_process().to_bytes() != this_process().to_bytes()


def test_the_text_names_host_process_and_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID"):
        monkeypatch.delenv(name, raising=False)
    assert f"process {os.getpid()} on {os.uname().nodename} (user " in str(this_process())
    monkeypatch.setenv("PBS_JOBID", "77.cluster")
    assert "(job 77.cluster, user " in str(this_process())


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"[]",
        lambda content: b"[" * 60_000,
        lambda content: b"\xff\xfe",
        lambda content: content.replace(b'"host"', b'"ghost"'),
        lambda content: content.replace(b'"process": ', b'"process": -'),
        lambda content: content.replace(b'"process": ', b'"process": 99999999'),
    ],
)
def test_a_damaged_record_names_nobody(change) -> None:
    assert parse_holder(change(this_process().to_bytes())) is None


def test_a_process_that_has_ended_does_not_run() -> None:
    child = subprocess.Popen(["sleep", "30"])
    holder = dataclasses.replace(this_process(), process=child.pid, started=process_state(child.pid)[0])
    assert holder.is_running() is True
    child.kill()
    while process_state(child.pid)[1]:  # dead, but nobody has waited for it, as in containers without an init process
        time.sleep(0.001)
    assert holder.is_running() is False
    child.wait()
    assert holder.is_running() is False


def test_another_process_of_the_same_number_is_not_the_holder() -> None:
    assert dataclasses.replace(this_process(), started="1").is_running() is False


@pytest.mark.parametrize("name", ["host", "boot", "namespace"])
def test_processes_of_another_machine_boot_or_container_cannot_be_seen(name: str) -> None:
    assert not dataclasses.replace(this_process(), **{name: "other"}).is_here
