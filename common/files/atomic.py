"""Files that appear whole or not at all, also after a power cut.

Each file is written under a temporary name, brought to the disk (fsync), and renamed. Then the folder is brought to the
disk too, because the new name stands there. Without the first fsync, a power cut may leave an empty file under the final
name; without the second, the older file.

A temporary name is `.<host>.<process>.<random>.partial.<name>`. Nobody can guess it, and the file is created exclusively:
a link that somebody put there is not followed.
"""

import errno
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from common.errors import OutputError, S2Error
from common.files.read_errors import describe_no_folder, nearest_existing
from common.machine import process_exists, this_machine

PARTIAL = ".partial."  # part of the name of every temporary file
ABANDONED_SECONDS = 24 * 3600  # a living process writes to its file more often
_NAME = re.compile(r"\.(?P<host>.*?)\.(?P<process>\d{1,9})(\.\w+)?\.partial\..+")  # older versions: nothing random
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # of file systems that cannot bring a folder to the disk
_FIRST_NAMESPACE = "pid:[4026531836]"  # in which a Linux machine numbers its processes; containers have others


def _host() -> str:
    """Return a name of the machine that no other one has, for file names; of the container, if it numbers its processes."""
    machine = this_machine()
    container = "" if machine.namespace == _FIRST_NAMESPACE else re.sub(r"\D", "", machine.namespace)
    return "-".join(filter(None, (machine.host, machine.boot[:8], container)))


HOST = _host()  # a process is known by this name and its number


@contextmanager
def whole_file(path: Path, previous: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary path has the same ending as `path`, and is an empty file. After an error no part of the file stays on
    the disk, and an older file at `path` stays as it is.

    Args:
        path: the file.
        previous: name for the older file at `path`; None replaces it. At every moment one of the two names has a file.

    Raises:
        OutputError: the folder is missing or read-only, or the disk is full.
    """
    try:
        with temporary_file(path) as temporary:
            yield temporary
            move_into_place(temporary, path, previous)
    except S2Error:  # some are OSErrors too: they tell of a file that was read
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Yield an empty file beside `path`, of a name that nobody can guess; remove it when the block ends.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full.
    """
    remove_abandoned(path.parent)
    temporary = path.with_name(f".{HOST}.{os.getpid()}.{secrets.token_hex(8)}{PARTIAL}{path.name}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o666))
    try:
        yield temporary
    finally:
        with suppress(OSError):  # it has its final name by now, for example
            temporary.unlink()


def temporary_folder(path: Path) -> tempfile.TemporaryDirectory:
    """Return a temporary folder beside `path`, for a `with` block.

    Raises:
        OSError: the folder around it is missing or read-only, or the disk is full.
    """
    remove_abandoned(path.parent)
    return tempfile.TemporaryDirectory(f"{PARTIAL}{path.name}", f".{HOST}.{os.getpid()}.", path.parent)


def move_into_place(temporary: Path, path: Path, previous: Path | None = None) -> None:
    """Bring a file or folder to the disk, and give it its final name in a way that outlasts a power cut.

    Args:
        temporary: the file or folder.
        path: its final name.
        previous: name for the older file at `path`; None replaces it.

    Raises:
        OSError: the disk is full, or the folder is read-only.
    """
    sync(temporary)
    if previous and path.exists():
        path.replace(previous)
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file is on the disk; for a folder, the names in it.

    Raises:
        OSError: the disk is full or broken.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder may let us write, but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, in a way that outlasts a power cut.

    Raises:
        OSError: it cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


def require_folder_of(path: Path) -> None:
    """Check that the folder of a file that is to be written exists.

    Raises:
        OutputError: it does not exist, or a file stands in its place or above it.
    """
    above = nearest_existing(path.absolute().parent)
    if above.exists() and not above.is_dir():
        raise OutputError(f"cannot write {path}: {above} is a file, and no folder; give another --output.")
    if not path.parent.is_dir():
        reason = describe_no_folder(path.parent)
        raise OutputError(f"the folder {path.parent} {reason}; create it, or give another --output.")


def why_no_folder(error: OSError) -> str:
    """Return in words why a folder cannot be made or written to."""
    if not isinstance(error, (FileExistsError, NotADirectoryError)):
        return error.strerror
    is_link = error.filename is not None and Path(error.filename).is_symlink()
    return f"it, or a folder above it, {describe_no_folder(error.filename) if is_link else 'is a file'}"


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when the system refuses to write a file."""
    return OutputError(f"cannot write {path}: {error.strerror or error}; check space and permissions there.")


def is_partial(path: Path) -> bool:
    """Return whether a path is a temporary file of `whole_file`, as a killed process leaves it."""
    return path.name.startswith(".") and PARTIAL in path.name


@cache
def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes have left in a folder. Once in a process is enough.

    A process of this machine is gone when its number is unknown. Of another machine nothing is known, nor of this one before
    it was started anew: these files count as abandoned a day after the last byte was written to them. Files of a living
    process always stay.
    """
    with suppress(OSError):  # a folder that does not exist, for example
        for path in list(folder.iterdir()):
            if (name := _NAME.fullmatch(path.name)) and _is_abandoned(path, name["host"], int(name["process"])):
                _remove(path)


def _is_abandoned(path: Path, host: str, process_id: int) -> bool:
    if host == HOST:
        return not process_exists(process_id)
    with suppress(OSError):  # it has gone by now
        return time.time() - path.lstat().st_mtime > ABANDONED_SECONDS
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def require_space(path: Path, size: int) -> None:
    """Check that the folder of `path` accepts a file of `size` bytes. Some libraries crash on a full disk.

    Raises:
        OutputError: the folder is missing or read-only, or has less space.
    """
    remove_abandoned(path.parent)
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
