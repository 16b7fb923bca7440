"""The log file of a run folder."""

import logging.handlers
from pathlib import Path

from common.errors import OutputError
from common.runs.folder import LOG


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
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
