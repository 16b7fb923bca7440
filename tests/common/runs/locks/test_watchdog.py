"""The watchdog names a rank without signs of life, once, and says when it is back. Each rank's beat is called by hand."""

import os
import re
import signal
from pathlib import Path

import pytest

from common.runs import signals
from common.runs.locks import watchdog as module
from common.runs.locks.heartbeat import SILENT_BEATS
from common.runs.locks.watchdog import Watchdog, watched_ranks


def begin(folder: Path, size: int) -> list[Watchdog]:
    watchdogs = [Watchdog(folder / "ranks", rank, size, 10) for rank in range(size)]
    for watchdog in watchdogs:
        watchdog.begin()
    return watchdogs


@pytest.fixture
def ranks(tmp_path: Path) -> list[Watchdog]:
    return begin(tmp_path, 3)


def beat(ranks: list[Watchdog], *alive: int, times: int = SILENT_BEATS + 1) -> None:
    """Let some ranks give signs of life, several times."""
    for _ in range(times):
        for rank in alive:
            ranks[rank].beat()
            path = ranks[rank].folder / str(rank)
            time_ns = path.stat().st_mtime_ns + 1  # the clock of a file system is coarse
            os.utime(path, ns=(time_ns, time_ns))


def test_nothing_is_said_while_all_ranks_are_alive(ranks: list[Watchdog], caplog: pytest.LogCaptureFixture) -> None:
    beat(ranks, 0, 1, 2, times=3 * SILENT_BEATS)
    assert caplog.messages == []


def test_rank_zero_names_a_silent_rank_once_and_says_when_it_is_back(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture
) -> None:
    beat(ranks, 0, 1, 2)
    beat(ranks, 0, 2, times=3 * SILENT_BEATS)
    (line,) = caplog.messages
    name = f"rank 1 (process {os.getpid()} on {os.uname().nodename})"
    assert line.startswith(f"no sign of life for 60 s from {name}; the other ranks wait. ")
    beat(ranks, 0, 1, 2)
    assert caplog.messages[1:] == [f"signs of life again, or an end, of {name}"]


def test_the_lowest_rank_that_is_alive_speaks_for_silent_ones(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture
) -> None:
    beat(ranks, 0, 1, 2)
    beat(ranks, 2, times=3 * SILENT_BEATS)
    (line,) = caplog.messages
    assert re.match(r"no sign of life for 60 s from rank 0 \(.*\), rank 1 \(.*\); the other ranks wait", line)
    caplog.clear()
    beat(ranks, 0, 1, 2)
    (line,) = caplog.messages
    assert line.startswith("signs of life again, or an end, of rank 0 (")  # rank 0 looks at the others from now on


def test_a_lost_machine_with_many_ranks_is_one_line(ranks: list[Watchdog], caplog: pytest.LogCaptureFixture) -> None:
    beat(ranks, 0, 1, 2)
    beat(ranks, 0, times=3 * SILENT_BEATS)
    (line,) = caplog.messages
    assert re.match(r"no sign of life for 60 s from rank 1 \(.*\), rank 2 \(.*\); the other ranks wait", line)


def test_lower_ranks_that_were_lost_together_are_named_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ranks = begin(tmp_path, 5)
    beat(ranks, 0, 1, 2, 3, 4)
    beat(ranks, 3, 4, times=3 * SILENT_BEATS)
    (line,) = caplog.messages  # of rank 3, and not of rank 4
    assert re.search(r"from rank 0 \(.*\), rank 1 \(.*\), rank 2 \(.*\); ", line)


def test_a_rank_looks_only_at_lower_ones_up_to_one_that_is_alive(ranks: list[Watchdog]) -> None:
    beat(ranks, 0, 1, 2)
    assert ranks[2].alive == set(ranks[2].signs) == {0}
    assert ranks[0].alive == set(ranks[0].signs) == {1, 2}


def test_a_job_that_was_suspended_as_a_whole_accuses_nobody(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture
) -> None:
    beat(ranks, 0, 1, 2)
    for path in ranks[0].folder.iterdir():
        os.utime(path, (0, 0))  # long ago
    beat(ranks, 0, 1, 2)
    assert caplog.messages == []


def test_a_rank_that_has_ended_is_not_missed(ranks: list[Watchdog], caplog: pytest.LogCaptureFixture) -> None:
    beat(ranks, 0, 1, 2)
    ranks[1].end()
    beat(ranks, 0, 2)
    assert caplog.messages == []
    ranks[0].end()
    ranks[2].end()
    assert not ranks[0].folder.exists()


def test_a_single_rank_writes_nothing(tmp_path: Path) -> None:
    with watched_ranks(tmp_path / "ranks"):
        assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    watchdog = Watchdog(tmp_path / "nothing" / "ranks", 0, 2, 10)
    watchdog.begin()
    assert watchdog.beat()
    watchdog.end()


def test_the_lowest_rank_says_why_mpirun_ends_a_job_that_waits(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_ANSWER", 0)
    beat(ranks, 0, 1, 2)
    beat(ranks, 0, 1, times=3)
    for rank in ranks:
        rank.explain_end(signal.SIGUSR1)
        rank.explain_end(signal.SIGTERM)
    (line,) = caplog.messages
    assert line.startswith(
        "stopped by SIGTERM while this rank computes, or waits for other ranks; no sign of life from rank 2 (process "
    )


def test_nothing_is_explained_if_the_main_thread_notes_the_signal(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture
) -> None:
    with signals.noted_signals(), signals.heard_at_once(ranks[0].explain_end):
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.interruption()
    assert caplog.messages == []
