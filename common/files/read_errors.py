"""Say why the system refused to read a file, or why there is no file or folder at a path.

A file that cannot be read may be whole, so no message calls it damaged.
"""

import errno
import os
import re
from pathlib import Path

from common.errors import SettingError

_OTHERWISE = "check the path, the disk and the network, and try again"
_PERMISSIONS = "check its permissions"
_NO_LOCKS = "its file system has no locks: set HDF5_USE_FILE_LOCKING=FALSE"
_TOO_MANY = "close other programs, or raise the limit with ulimit -n"
_ADVICE = {
    errno.ENOTDIR: "a file stands in its path where a folder is expected: correct the path",
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EAGAIN: "another program has locked it: close that program",
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,  # Lustre that is mounted without flock
    errno.ENOTSUP: _NO_LOCKS,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
}


def describe_refusal(error: BaseException) -> str:
    """Return reason and advice if the system refused to read a file, or if it is a link to nowhere; empty for other errors.

    A file that is missing, is a folder or has wrong content is not refused.

    Example: `cannot be read (Permission denied); check its permissions`.
    """
    number = _error_number(error)
    if number == errno.ENOENT and error.filename and (broken_link := describe_missing(error.filename, "")):
        return f"{broken_link}; correct the link"
    if number in (None, errno.ENOENT, errno.EISDIR):
        return ""
    return f"cannot be read ({os.strerror(number)}); {_ADVICE.get(number, _OTHERWISE)}"


def describe_failed_read(error: OSError, otherwise: str = "check the path") -> str:
    """Return reason and advice for a file that could not be read.

    Args:
        error: of the system.
        otherwise: advice if the system has not refused to read it, such as for a file that is missing.
    """
    return describe_refusal(error) or f"cannot be read ({error.strerror}); {otherwise}"


def nearest_existing(path: Path) -> Path:
    """Return a path if it exists, if only as a link to nowhere; else the nearest one above it that does."""
    return next(candidate for candidate in (path, *path.absolute().parents) if os.path.lexists(candidate))


def describe_missing(path: Path | str, otherwise: str = "does not exist") -> str:
    """Return why there is no file at a path, in words that follow it: `is a link to X, which does not exist`.

    Args:
        path: the path.
        otherwise: the words if the path is no link to nowhere.
    """
    if os.path.islink(path) and not os.path.exists(path):
        return f"is a link to {os.path.realpath(path)}, which does not exist"
    return otherwise


def describe_no_folder(path: Path | str) -> str:
    """Return why a path is no folder, in words that follow it: `is a file`, or as `describe_missing`."""
    return "is a file" if Path(path).exists() else describe_missing(path)


def require_folder(option: str, folder: Path | str | None) -> None:
    """Check that an option that is given names a folder.

    Raises:
        SettingError: it does not.
    """
    if folder and not Path(folder).is_dir():
        raise SettingError(f"{option} {folder} {describe_no_folder(folder)}; give a folder that exists.")


def find_refusal(path: Path | str) -> str:
    """Return what `describe_refusal` says if the system refuses to read a file; empty if it does not, or for a folder."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        return describe_refusal(error)
    return ""


def _error_number(error: BaseException) -> int | None:
    """Return the error number of the system; None if there is none. HDF5 states some only in the text of its error."""
    if not isinstance(error, OSError):
        return None
    in_text = re.search(r"\berrno = (\d+)", str(error))
    return error.errno or (int(in_text[1]) if in_text else None) or None
