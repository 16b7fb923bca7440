"""Files that appear whole or not at all, and the user's cache folder."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import OutputError, S2Error

PARTIAL = ".partial."  # in the names of temporary files


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with the same ending, renamed to it when the block ends well.

    Raises:
        OutputError: the folder is missing, read-only or full; nothing is left behind.
    """
    temporary = path.with_name(f".{platform.node()}.{os.getpid()}{PARTIAL}{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except S2Error:  # some of them are OSErrors too, about what was read
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # where it could not be made, it may not be possible to look for it
            temporary.unlink()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error to raise where the system refuses to write a file."""
    return OutputError(f"cannot write {path}: {error.strerror or error}; check space and permissions there.")


def is_partial(path: Path) -> bool:
    """Is this a temporary file of `whole_file`, as a process that is killed leaves?"""
    return path.name.startswith(".") and PARTIAL in path.name


def remove_abandoned(path: Path) -> None:
    """Take away temporary files of `path` that processes of this machine left when they were killed."""
    for temporary in path.parent.glob(f".{platform.node()}.*{PARTIAL}{path.name}*"):
        number = temporary.name.removeprefix(f".{platform.node()}.").split(".")[0]
        if number.isdigit() and not _is_running(int(number)):
            with suppress(OSError):
                temporary.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def require_space(path: Path, size: int) -> None:
    """Check that a file of so many bytes can be written to `path`, before a library that crashes where it cannot.

    Raises:
        OutputError: it cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise cannot_write(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text)
