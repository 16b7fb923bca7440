"""Progress of long work."""

import logging

import pytest

import common.distributed as hvd
from common.runs import progress as progress_module
from common.runs.progress import describe_duration, progress, track


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that `progress` reads."""
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def test_one_of_several_ranks_counts_its_own_units(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(hvd, "size", lambda: 2)
    with progress(10, "patches", "reading", show_bar=False) as advance:
        clock.seconds += 100
        advance(5)
    assert caplog.messages == ["reading: 5 of 10 patches of this rank, 20 s each, 2 min left"]


def test_slow_work_tells_how_long_a_unit_takes(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with progress(3, "scenes", "measuring", show_bar=False) as advance:
        clock.seconds += 300
        advance()
    assert caplog.messages == ["measuring: 1 of 3 scenes, 300 s each, 10 min left"]


def test_without_a_bar_a_line_is_logged_every_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with progress(1000, "patches", "reading", show_bar=False) as advance:
        for _ in range(10):
            clock.seconds += 25
            advance(20)
    assert caplog.messages == [
        "reading: 60 of 1000 patches, 0.8 a second, 20 min left",
        "reading: 120 of 1000 patches, 0.8 a second, 18 min left",
        "reading: 180 of 1000 patches, 0.8 a second, 17 min left",
    ]


def test_no_line_is_logged_before_anything_is_done(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with progress(8, "patches", "reading", show_bar=False) as advance:
        clock.seconds += 61
        advance(0)
    assert not caplog.messages


def test_a_bar_replaces_the_lines(
    clock: Clock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with progress(3, "windows", "T32TNS", show_bar=True) as advance:
        for _ in range(3):
            clock.seconds += 61
            advance()
    assert not caplog.messages
    shown = capsys.readouterr().err
    assert "T32TNS" in shown
    assert "3/3" in shown
    assert "windows/s" in shown


def test_tracked_items_are_done_when_the_next_one_is_asked_for(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    worked_on = []
    for item in track("abc", "letters", "spelling", show_bar=False):
        worked_on.append((item, len(caplog.messages)))
        clock.seconds += 61
    assert worked_on == [("a", 0), ("b", 1), ("c", 2)]
    assert [line.split(",")[0] for line in caplog.messages] == [f"spelling: {done} of 3 letters" for done in (1, 2, 3)]


def test_an_error_in_a_tracked_loop_ends_the_bar_before_it_is_reported(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        for item in track([1, 0, 2], "numbers", "dividing", show_bar=True):
            item / item
    bar = capsys.readouterr().err
    assert "| 1/3 [" in bar
    assert bar.endswith("\n")


def test_without_work_there_is_no_bar(capsys: pytest.CaptureFixture) -> None:
    assert list(track([], "scenes", "cutting patches", show_bar=True)) == []
    assert capsys.readouterr().err == ""


def test_a_bar_shows_whole_units(clock: Clock, capsys: pytest.CaptureFixture) -> None:
    with progress(25.2, "MB", "copying", show_bar=True) as advance:
        for _ in range(3):
            clock.seconds += 61
            advance(8.4)
    assert " 25/25 " in capsys.readouterr().err


def test_work_without_a_bar_writes_nothing_to_the_terminal(clock: Clock, capsys: pytest.CaptureFixture) -> None:
    with progress(3, "windows", "T32TNS", show_bar=False) as advance:
        advance()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 min"), (89, "1 min"), (7199, "120 min"), (7200, "2.0 h"), (90_000, "25.0 h")]
)
def test_durations_are_minutes_or_hours(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text
