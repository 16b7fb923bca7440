"""Take away the permission to read a file or to write to a folder, for root too."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

NOBODY = 65534


def without_permission(path: Path) -> AbstractContextManager[None]:
    """Let nobody read a file in the `with` block."""
    return _restricted(path, 0)


def as_nobody(folder: Path) -> AbstractContextManager[None]:
    """Let nobody write to a folder in the `with` block."""
    return _restricted(folder, 0o555)


@contextmanager
def _restricted(path: Path, permissions: int) -> Iterator[None]:
    """Change permissions in the `with` block. They do not bind root, so that it becomes another user there."""
    mode = path.stat().st_mode
    path.chmod(permissions)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)
