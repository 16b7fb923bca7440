"""The watchdog names a rank without signs of life, once, and says when it is back. Each rank's beat is called by hand."""

import os
from pathlib import Path

import pytest

from common.runs.locks.heartbeat import SILENT_BEATS
from common.runs.locks.watchdog import Watchdog, watched_ranks


@pytest.fixture
def ranks(tmp_path: Path) -> list[Watchdog]:
    watchdogs = [Watchdog(tmp_path / "ranks", rank, 3, 10) for rank in range(3)]
    for watchdog in watchdogs:
        watchdog.begin()
    return watchdogs


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
    assert line.startswith(
        f"rank 1 (process {os.getpid()} on {os.uname().nodename}) has given no sign of life for 60 s"
    )
    beat(ranks, 0, 1, 2)
    assert caplog.messages[1:] == ["rank 1 gives signs of life again"]


def test_the_lowest_rank_that_is_alive_speaks_for_silent_ones(
    ranks: list[Watchdog], caplog: pytest.LogCaptureFixture
) -> None:
    beat(ranks, 0, 1, 2)
    beat(ranks, 2, times=3 * SILENT_BEATS)
    assert [line.split(" (")[0] for line in caplog.messages] == ["rank 0", "rank 1"]
    caplog.clear()
    beat(ranks, 0, 1, 2)
    assert caplog.messages == ["rank 0 gives signs of life again"]  # rank 0 looks at the others from now on


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
