"""A reader as the fuzzer runs it: valid inputs to damage, and a function that reads one input."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from tests.fuzz.mutations import Seed, make_seed

Read = Callable[[bytes, int], Any]  # content of an input, and which of the reader's files it is
REAL_DATA = Path(os.environ.get("JEOPARDA_REAL_DATA", "/nonexistent"))


class Reader(NamedTuple):
    """A reader of outside input.

    Attributes:
        make: writes what the reader needs into a folder; returns seeds, and the function that reads one input.
        share: of 1000 inputs of all readers, about; readers that take long get less.
        refusals: errors beside ours that mean a refusal.
        imports: packages that take long to import; the process that starts those of the readers imports them once.
    """

    make: Callable[[Path], tuple[Sequence[Seed], Read]]
    share: float = 115
    refusals: tuple[type[BaseException], ...] = ()
    imports: tuple[str, ...] = ()


def seeds_of(contents: Iterable[bytes], form: str, index: int = 0) -> list[Seed]:
    """Return a seed for each content."""
    return [make_seed(content, form, index) for content in contents]


def without_seal(path: Path) -> bytes:
    """Return an HDF5 file as versions before seals wrote it, so that damage reaches the checks after the seal."""
    copy = path.with_suffix(".unsealed.h5")
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs.pop("seal", None)
    return copy.read_bytes()


def real_contents(*patterns: str) -> list[bytes]:
    """Return the files of the real data that match a pattern; none if JEOPARDA_REAL_DATA is not set."""
    return [path.read_bytes() for pattern in patterns for path in sorted(REAL_DATA.glob(pattern))]
