"""Files that appear whole or not at all, and the user's cache folder."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import OutputError


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/jeoparda`, or `~/.cache/jeoparda`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jeoparda"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with the same ending, renamed to it when the block ends well.

    Raises:
        OutputError: the folder is missing, read-only or full; nothing is left behind.
    """
    temporary = path.with_name(f".{platform.node()}.{os.getpid()}.partial.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; check space and permissions there.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text)
