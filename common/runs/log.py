"""The log file of a run folder."""

import logging.handlers
from pathlib import Path

from common.errors import OutputError
from common.runs.folder import LOG


class RunLog(logging.Handler):
    """Appends messages to a file. Where it cannot, that is an error like others, not a traceback that work survives."""

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
    """Remember what is logged before there is a run folder, for `log_to_file`."""
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL + 1))


def log_to_file(folder: Path) -> None:
    """Append what is logged, and was remembered, to `run.log` as well."""
    handler = RunLog(folder / LOG)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for early in [early for early in root.handlers if isinstance(early, logging.handlers.MemoryHandler)]:
        root.removeHandler(early)
        early.setTarget(handler)
        early.close()
    root.addHandler(handler)


def stop_logging_to_file() -> None:
    """Undo `log_to_file`, for a command that trains several times."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, RunLog)]:
        root.removeHandler(handler)
