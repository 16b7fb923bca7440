"""The steps by which files come to the disk, for tests of their order."""

import os
from pathlib import Path

import pytest


def note_disk_steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that grows with each `("sync", name)` and `("rename", old name)` of this process."""
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        steps.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        fsync(descriptor)

    def note_rename(old: Path, new: Path) -> None:
        steps.append(("rename", Path(old).name))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    return steps
