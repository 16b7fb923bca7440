"""Take away the permission to read a file, for root too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def without_permission(path: Path) -> Iterator[None]:
    """Let nobody read a file in the `with` block. Root may read every file, so that it becomes another user there."""
    mode = path.stat().st_mode
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Let nobody write to a folder in the `with` block. Root may write everywhere, so that it becomes another user there."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)
