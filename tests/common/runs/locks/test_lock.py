"""Locks: one holder at a time, also of many who try at one moment, and take-over from holders who are gone."""

import dataclasses
import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.errors import InUseError, OutputError
from common.runs.locks import lock as locks
from common.runs.locks.heartbeat import SILENT_BEATS, Repeater
from common.runs.locks.holder import Holder, this_process
from common.runs.locks.lock import Lock, held_on_rank_zero, release, require_free, require_held, take

INTERVAL_S = 0.05
PROCESSES, ROUNDS = 3, 80
# Many processes try to take each of many locks at one moment, and keep it. Each prints the numbers of its locks.
CONTENDER = """
import sys, time
from pathlib import Path
from common.errors import InUseError
from common.runs.locks.lock import Lock, take

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
(folder / f"ready-{sys.argv[3]}").touch()
while not (folder / "start").exists():
    time.sleep(0.001)
start = float((folder / "start").read_text())
for number in range(rounds):
    while time.time() < start + number * 0.01:
        pass
    try:
        take(Lock(folder / f"{number}.lock", folder, "--output"))
        print(number, flush=True)
    except InUseError:
        pass
(folder / f"done-{sys.argv[3]}").touch()
sys.stdin.read()  # hold the locks until all have tried
"""


def make_lock(folder: Path) -> Lock:
    return Lock(folder / "run.lock", folder, "--run-dir", INTERVAL_S)


def ended_holder() -> Holder:
    """Return the record of a process of this machine that has ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return dataclasses.replace(this_process(), process=child.pid)


def holder_elsewhere(**changes: str) -> Holder:
    return dataclasses.replace(this_process(), **{"host": "node7", "process": 4711, "job": "12", **changes})


@contextmanager
def touched(path: Path, time_s: float) -> Iterator[None]:
    """Touch a file as a process does whose clock shows another time."""

    def touch() -> bool:
        now = time_s + time.monotonic()
        os.utime(path, (now, now))
        return True

    repeater = Repeater(touch, INTERVAL_S)
    try:
        yield
    finally:
        repeater.stop()


def assert_taken(lock: Lock) -> None:
    """Assert that this process holds a lock, and give it back."""
    require_held(lock)
    assert f'"process": {os.getpid()}' in lock.path.read_text()
    release(lock)
    assert [path.name for path in lock.path.parent.iterdir() if "lock" in path.name] == []


def test_only_one_holds_and_the_other_is_told_who(tmp_path: Path) -> None:
    lock = make_lock(tmp_path)
    message = rf"{tmp_path} is in use by process {os.getpid()} on .*; wait until it ends, or give another --run-dir\.$"
    with held_on_rank_zero(lock):
        for function in (require_free, take):
            with pytest.raises(InUseError, match=message):
                function(lock)
        require_held(lock)
    require_free(lock)
    take(lock)
    assert_taken(lock)


def test_a_check_removes_the_lock_of_a_holder_who_is_gone(tmp_path: Path) -> None:
    """So the job that takes the lock later does not wait again."""
    lock = make_lock(tmp_path)
    lock.path.write_bytes(holder_elsewhere().to_bytes())
    require_free(lock)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held_on_rank_zero(make_lock(tmp_path)):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_of_many_who_try_at_one_moment_exactly_one_holds(tmp_path: Path) -> None:
    """Each second lock is one of a process that is gone."""
    for number in range(0, ROUNDS, 2):
        (tmp_path / f"{number}.lock").write_bytes(ended_holder().to_bytes())
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, tmp_path, str(ROUNDS), str(index)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(PROCESSES)
    ]
    wait_for_files(tmp_path, "ready-*")
    (tmp_path / "start.new").write_text(str(time.time() + 0.05))
    (tmp_path / "start.new").rename(tmp_path / "start")
    wait_for_files(tmp_path, "done-*")
    held = [number for contender in contenders for number in contender.communicate("")[0].split()]
    assert sorted(map(int, held)) == list(range(ROUNDS))
    assert not list(tmp_path.glob("*.claim.*"))


def test_one_who_comes_too_late_does_not_replace_the_new_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the lock of a holder who is gone, and its own take-over, another process takes over."""
    path = make_lock(tmp_path).path
    path.write_bytes(ended_holder().to_bytes())
    is_gone = locks._is_gone

    def is_gone_slowly(*arguments: object) -> bool:
        gone = is_gone(*arguments)
        path.write_bytes(this_process().to_bytes())
        monkeypatch.undo()
        return gone

    monkeypatch.setattr(locks, "_is_gone", is_gone_slowly)
    with pytest.raises(InUseError):
        take(make_lock(tmp_path))
    assert [found.name for found in tmp_path.iterdir()] == ["run.lock"]


def wait_for_files(folder: Path, pattern: str) -> None:
    """Wait until each contender has made its file."""
    deadline = time.monotonic() + 60
    while len(list(folder.glob(pattern))) < PROCESSES:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_holder_who_was_killed_is_replaced_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lock = make_lock(tmp_path)
    lock.path.write_bytes(ended_holder().to_bytes())
    take(dataclasses.replace(lock, interval=1000))  # no waiting
    assert_taken(lock)
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path} was held by process ") and line.endswith(", which is gone; taken over")


@pytest.mark.parametrize("content", [b"", holder_elsewhere().to_bytes(), holder_elsewhere(host=this_process().host, boot="b").to_bytes()],
                         ids=["cut short", "other machine", "before a restart"])  # fmt: skip
def test_a_holder_who_cannot_be_seen_is_replaced_after_a_minute_of_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    caplog.set_level(logging.INFO)
    lock = make_lock(tmp_path)
    lock.path.write_bytes(content)
    started = time.monotonic()
    take(lock)
    assert time.monotonic() - started >= SILENT_BEATS * INTERVAL_S
    assert_taken(lock)
    waiting, taken = caplog.messages
    assert "it has 0 s for a sign of life" in waiting
    assert "taken over" in taken


@pytest.mark.parametrize("skew_s", [-1e8, 0, 1e8])
def test_a_holder_on_another_machine_is_known_by_its_signs_of_life(tmp_path: Path, skew_s: float) -> None:
    """Its clock may be wrong by years."""
    lock = make_lock(tmp_path)
    lock.path.write_bytes(holder_elsewhere().to_bytes())
    with touched(lock.path, 1e9 + skew_s):
        for function in (require_free, take):
            with pytest.raises(InUseError, match=r"in use by process 4711 on node7 \(job 12, user "):
                function(lock)


def test_a_holder_gives_signs_of_life(tmp_path: Path) -> None:
    lock = make_lock(tmp_path)
    with held_on_rank_zero(lock):
        before = lock.path.stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while lock.path.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_a_holder_whose_lock_was_taken_over_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It was suspended for more than a minute, for example."""
    lock = make_lock(tmp_path)
    with held_on_rank_zero(lock):
        lock.path.write_bytes(holder_elsewhere().to_bytes())
        with pytest.raises(InUseError, match=r"was taken over by process 4711 on node7 .*; this job ends and changes"):
            require_held(lock)
        time.sleep(5 * INTERVAL_S)
    assert len(caplog.messages) == 1  # not one in each interval
    assert "node7" in lock.path.read_text()  # the lock of the other stays


def test_a_holder_whose_lock_was_removed_is_told(tmp_path: Path) -> None:
    lock = make_lock(tmp_path)
    with held_on_rank_zero(lock):
        lock.path.unlink()
        with pytest.raises(InUseError, match=r"somebody has removed \S+run\.lock, by which this job held"):
            require_held(lock)


def test_a_process_that_holds_no_lock_needs_none(tmp_path: Path) -> None:
    require_held(make_lock(tmp_path))
    release(make_lock(tmp_path))


def test_claims_of_killed_processes_do_no_harm(tmp_path: Path) -> None:
    """One was killed while it took over; another while it took over the first one's claim."""
    lock = make_lock(tmp_path)
    path = lock.path
    for _ in range(3):
        content = ended_holder().to_bytes()
        path.write_bytes(content)
        path = claim_on(path, content)
    (tmp_path / "run.lock.claim.0123").touch()
    take(lock)
    assert_taken(lock)


def claim_on(path: Path, content: bytes) -> Path:
    return path.with_name(f"{path.name}.claim.{hashlib.sha256(content).hexdigest()[:12]}")


def test_a_lock_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write \S+run\.lock: No such file or directory"):
        take(make_lock(tmp_path / "nothing"))
