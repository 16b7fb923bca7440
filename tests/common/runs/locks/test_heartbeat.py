"""Signs of life: what others see of a file that is touched, and calls that go on after an error of the file system."""

import os
import threading
from pathlib import Path

import pytest

from common.runs.locks.heartbeat import Repeater, read_sign


def test_a_sign_changes_with_content_and_time(tmp_path: Path) -> None:
    path = tmp_path / "sign"
    assert read_sign(path) is None
    path.write_bytes(b"me")
    first = read_sign(path)
    assert first == read_sign(path)
    os.utime(path, ns=(0, first.time_ns + 1))
    assert read_sign(path) != first


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sign").symlink_to(tmp_path / "nothing")
    with pytest.raises(OSError, match="symbolic links"):
        read_sign(tmp_path / "sign")


def test_calls_go_on_after_an_error_and_end_when_the_function_says_so() -> None:
    calls, ended = [], threading.Event()

    def function() -> bool:
        calls.append(len(calls))
        if len(calls) == 1:
            raise OSError("a network disk does not answer")
        if len(calls) == 3:
            ended.set()
        return len(calls) < 3

    repeater = Repeater(function, 0.005)
    assert ended.wait(10)
    repeater._thread.join(10)
    assert len(calls) == 3


def test_no_call_comes_after_the_end() -> None:
    calls = []
    repeater = Repeater(lambda: calls.append(1) or True, 0.001)
    repeater.stop()
    count = len(calls)
    assert not repeater._thread.is_alive()
    assert len(calls) == count
