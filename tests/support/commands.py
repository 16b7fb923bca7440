"""Checks of what commands print when they fail."""

import re
from collections.abc import Callable, Sequence

import pytest

LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
# TensorFlow writes them while it is imported, on processors with AVX-512 or AMX, whatever the log level is.
ONEDNN_NOTES = ("absl::InitializeLog()", "oneDNN custom operations are on")


def lines_without_log(stderr: str) -> list[str]:
    """Return the lines of stderr that are not log messages."""
    return [line for line in stderr.splitlines() if not LOG_LINE.match(line)]


def lines_without_onednn(stderr: str) -> list[str]:
    """Return the lines of stderr that are not TensorFlow's notes on oneDNN."""
    return [line for line in stderr.splitlines() if not any(note in line for note in ONEDNN_NOTES)]


def check_fails(
    main: Callable[[list[str]], int], capfd: pytest.CaptureFixture, message: str, arguments: Sequence[object]
) -> None:
    """Assert that a command exits with 1 and prints one line, besides its log, that matches the message."""
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    stderr = capfd.readouterr().err
    assert code == 1, stderr
    (line,) = lines_without_log(stderr)
    assert re.fullmatch(message, line), line
