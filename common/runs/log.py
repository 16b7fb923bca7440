"""The log file of a run folder."""

import logging.handlers
import re
from pathlib import Path

from common.errors import OutputError
from common.files.limits import open_at_once, require_regular_file
from common.runs.folder import LOG

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# A line in this format from one of our modules.
_OWN_LINE = re.compile(rb"^\d{4}-\d\d-\d\d \S+ [A-Z]+ (common|superres|bigearthnet)\.", re.MULTILINE)
_FIRST_BYTES = 2**16


class RunLog(logging.Handler):
    """Append messages to a file.

    Raises:
        OutputError: the file cannot be written. Python's own handlers would print a traceback and continue.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        path.touch()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with open(self.path, "a") as file:
                file.write(f"{self.format(record)}\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; check space and permissions.") from error


def remember_log() -> None:
    """Keep the messages that are logged before the run folder exists; `log_to_file` writes them.

    Messages of an earlier run in this process, which may have failed, are dropped.
    """
    stop_logging_to_file()
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL + 1))


def log_to_file(folder: Path) -> None:
    """Append all messages to `run.log` in a folder as well, first those that `remember_log` kept."""
    handler = RunLog(folder / LOG)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    for memory in [memory for memory in root.handlers if isinstance(memory, logging.handlers.MemoryHandler)]:
        root.removeHandler(memory)
        memory.setTarget(handler)
        memory.close()
    root.addHandler(handler)


def stop_logging_to_file() -> None:
    """Undo `remember_log` and `log_to_file`; a command that trains several times calls it after each run."""
    root = logging.getLogger()
    for handler in [item for item in root.handlers if isinstance(item, (RunLog, logging.handlers.MemoryHandler))]:
        root.removeHandler(handler)


def has_log_of_a_run(folder: Path) -> bool:
    """Return whether a run wrote the `run.log` of a folder: one of its first lines is of this software, or it is empty.

    Other programs write a file of this name, too.

    Raises:
        OSError, ValueError: the file cannot be read, so nothing tells who wrote it.
    """
    path = folder / LOG
    require_regular_file(path)
    with open(path, "rb", opener=open_at_once) as file:
        start = file.read(_FIRST_BYTES)
    return not start or _OWN_LINE.search(start) is not None
