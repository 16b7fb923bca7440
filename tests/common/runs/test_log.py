"""The log file of a run folder."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import OutputError
from common.runs.folder import LOG
from common.runs.log import has_log_of_a_run, log_to_file, remember_log, stop_logging_to_file

logger = logging.getLogger("common.patches")


@pytest.fixture(autouse=True)
def root_handlers() -> Iterator[list[logging.Handler]]:
    """The handlers of the whole process without log files of earlier tests; put back after the test."""
    root = logging.getLogger()
    before = list(root.handlers)
    stop_logging_to_file()
    yield list(root.handlers)
    root.handlers[:] = before


def messages(folder: Path) -> list[str]:
    """The last word of each line in the log file."""
    return [line.split()[-1] for line in (folder / LOG).read_text().splitlines()]


def test_a_line_holds_time_level_name_and_message(tmp_path: Path) -> None:
    log_to_file(tmp_path)
    assert has_log_of_a_run(tmp_path)  # empty so far
    logger.warning("read 6 bands")
    assert (tmp_path / LOG).read_text().endswith("WARNING common.patches: read 6 bands\n")
    assert has_log_of_a_run(tmp_path)


def test_the_log_of_another_program_is_known(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("2026-11-28 18:59:03,123 INFO bert.train: read 6 bands\n")
    assert not has_log_of_a_run(tmp_path)
    (tmp_path / LOG).unlink()
    os.mkfifo(tmp_path / LOG)
    with pytest.raises(ValueError, match="it is a device or a pipe"):
        has_log_of_a_run(tmp_path)


def test_the_log_of_a_resumed_run_is_continued(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("earlier\n")
    log_to_file(tmp_path)
    logger.warning("later")
    assert messages(tmp_path) == ["earlier", "later"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, the disk that is always full")
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    (tmp_path / LOG).symlink_to("/dev/full")
    log_to_file(tmp_path)
    with pytest.raises(OutputError, match=r"cannot write \S+run\.log: No space left on device; check space"):
        logger.warning("read 6 bands")


def test_earlier_messages_are_written_when_the_folder_exists(
    tmp_path: Path, root_handlers: list[logging.Handler]
) -> None:
    remember_log()
    logger.warning("first")
    log_to_file(tmp_path)
    logger.warning("second")
    assert len(logging.getLogger().handlers) == len(root_handlers) + 1
    assert messages(tmp_path) == ["first", "second"]


def test_messages_of_a_run_that_failed_are_not_those_of_the_next(tmp_path: Path) -> None:
    for name in ("first", "second"):
        remember_log()
        logger.warning(name)
    log_to_file(tmp_path)
    assert messages(tmp_path) == ["second"]


def test_each_run_of_a_command_has_its_own_messages(tmp_path: Path, root_handlers: list[logging.Handler]) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        log_to_file(tmp_path / name)
        logger.warning(name)
        stop_logging_to_file()
    assert [messages(tmp_path / name) for name in ("first", "second")] == [["first"], ["second"]]
    assert logging.getLogger().handlers == root_handlers
