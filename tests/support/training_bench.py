"""A place to try `superres-train`: a finished run and its patches, short runs, and a check that failures change no file."""

import csv
import hashlib
import re
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.runs import folder as run
from superres import train
from tests.support.commands import lines_without_log
from tests.support.fake_safe import UPPER_LEFT
from tests.support.tiny_training import command_line

OTHER_CORNER = (UPPER_LEFT[0] + 60000, UPPER_LEFT[1])  # no ground in common with `write_scenes`


def training_options(tiles: Path, folder: Path, *flags: str, **settings: object) -> list[str]:
    """Return the command line of a run that takes a second, with its run folder and patch cache below `folder`."""
    options = {
        "tiles": tiles,
        "run_dir": folder / "run",
        "patch_cache": folder / "patches",
        "patches_per_tile": 8,
        "epochs": 2,
        "batch_size": 4,
        "warmup_epochs": 0,
        **settings,
    }
    return [*flags, *command_line(options)]


def snapshot(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with one dict for each row."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def assert_same_runs(folder: Path, other: Path, groups: Sequence[str] = ("weights", "optimizer")) -> None:
    """Assert that two run folders hold the same checkpoint, array by array, and the same history except times."""
    with h5py.File(folder / run.CHECKPOINT) as first, h5py.File(other / run.CHECKPOINT) as second:
        for group in groups:
            assert len(first[group]) == len(second[group]) > 0
            for number in first[group]:
                np.testing.assert_array_equal(first[group][number], second[group][number], err_msg=f"{group}/{number}")
    for row, other_row in zip(read_table(folder / run.HISTORY), read_table(other / run.HISTORY), strict=True):
        assert {**row, "seconds": ""} == {**other_row, "seconds": ""}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write beyond the first `size` bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass
class TrainingBench:
    """A folder with a finished run in `run` and its patch files in `patches`, in which a test may try the command.

    Attributes:
        folder: the folder, which the test may change.
        tiles: list of the scenes of the finished run; not to be changed.
        capture: of the test.
    """

    folder: Path
    tiles: Path
    capture: pytest.CaptureFixture

    def write_list(self, *lines: object) -> Path:
        """Write a tile list, and return its path."""
        path = self.folder / "list.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def train(self, *flags: str, **settings: object) -> tuple[int, str]:
        """Run the command; return exit code and stderr."""
        self.capture.readouterr()
        tiles = settings.pop("tiles", self.tiles)
        exit_code = train.main(training_options(tiles, self.folder, *flags, **settings))
        return exit_code, self.capture.readouterr().err

    def fails(self, message: str, *flags: str, may_change: tuple[str, ...] = (), **settings: object) -> None:
        """Assert that the command fails with one line on stderr, and changes no file.

        Args:
            message: pattern of the whole line.
            may_change: names of files that may change.
        """
        before = snapshot(self.folder)
        exit_code, stderr = self.train(*flags, **settings)
        assert exit_code == 1, stderr
        (line,) = lines_without_log(stderr)
        assert re.fullmatch(message, line), line
        after = snapshot(self.folder)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed <= set(may_change)
