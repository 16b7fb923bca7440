"""Files that appear whole or not at all: each is written under a temporary name and renamed when it is complete."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import OutputError, S2Error

PARTIAL = ".partial."  # part of the name of every temporary file


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary path has the same ending as `path`. After an error no part of the file stays on the disk, and an older
    file at `path` stays as it is.

    Raises:
        OutputError: the folder is missing or read-only, or the disk is full.
    """
    temporary = path.with_name(f".{platform.node()}.{os.getpid()}{PARTIAL}{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except S2Error:  # some are OSErrors too: they tell of a file that was read
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # in a folder that does not exist, for example
            temporary.unlink()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when the system refuses to write a file."""
    return OutputError(f"cannot write {path}: {error.strerror or error}; check space and permissions there.")


def is_partial(path: Path) -> bool:
    """Return whether a path is a temporary file of `whole_file`, as a killed process leaves it."""
    return path.name.startswith(".") and PARTIAL in path.name


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files of `path` that killed processes of this machine have left."""
    for temporary in path.parent.glob(f".{platform.node()}.*{PARTIAL}{path.name}*"):
        process_id = temporary.name.removeprefix(f".{platform.node()}.").split(".")[0]
        if process_id.isdigit() and not _is_running(int(process_id)):
            with suppress(OSError):
                temporary.unlink()


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)  # signal 0 only asks whether the process exists
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        pass
    return True


def require_space(path: Path, size: int) -> None:
    """Check that the folder of `path` accepts a file of `size` bytes. Some libraries crash on a full disk.

    Raises:
        OutputError: the folder is missing or read-only, or has less space.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise cannot_write(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        OutputError: as `whole_file`.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text)
