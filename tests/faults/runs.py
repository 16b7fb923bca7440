"""The state of a run folder after a fault, compared with a run that was never stopped."""

import csv
import re
from pathlib import Path

import h5py
import numpy as np

from common.files.atomic import is_partial
from common.runs import folder as run

SAME_FILES = (run.CHECKPOINT, run.WEIGHTS)
TIMES = ("seconds", "patches_per_second")  # columns of the history that differ from run to run


def finished_epochs(output: str) -> int:
    """Return the number of the last epoch that a training reported in its output."""
    return max(map(int, re.findall(r"epoch (\d+)/", output)), default=0)


def saved_steps(output: str) -> int:
    """Return the steps of the epoch in work that a training reported as saved when a signal stopped it."""
    return max(map(int, re.findall(r"after step (\d+) of epoch \d+, which is saved", output)), default=0)


def resumed_patches(output: str) -> int:
    """Return after how many patches of the epoch in work a training continued; 0 at the start of one."""
    return max(map(int, re.findall(r"resumed after .*?(\d+) patches of epoch", output)), default=0)


def resumed_after(output: str) -> int:
    """Return after which epoch a training continued; 0 for a new start."""
    return max(map(int, re.findall(r"resumed after epoch (\d+)", output)), default=0)


def renames(output: str) -> int:
    """Return the number of renames that `tests.faults.applications.run` reported."""
    return max(map(int, re.findall(r"^renames: (\d+)$", output, re.MULTILINE)))


def differences(folder: Path, reference: Path) -> list[str]:
    """Return in which files a finished run differs from another, apart from times."""
    found = []
    names, expected = ({path.name for path in place.iterdir() if not is_partial(path)} for place in (folder, reference))
    if names != expected:
        found.append(f"other files: {', '.join(sorted(names ^ expected))}")
    found += [name for name in SAME_FILES if read_arrays(folder / name) != read_arrays(reference / name)]
    if history(folder) != history(reference):
        found.append(run.HISTORY)
    return found


def read_arrays(path: Path) -> dict[str, bytes] | None:
    """Return name -> content of each dataset of an HDF5 file; None if the file cannot be read."""
    arrays = {}

    def add(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item[()]).tobytes()

    try:
        with h5py.File(path) as file:
            file.visititems(add)
    except (OSError, RuntimeError):
        return None
    return arrays


def history(folder: Path) -> list[dict[str, str]]:
    """Return the rows of `history.csv` without times; no rows if it is missing."""
    try:
        with open(folder / run.HISTORY, newline="") as file:
            return [{name: cell for name, cell in row.items() if name not in TIMES} for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []


def partial_files(folder: Path) -> list[str]:
    """Return the names of temporary files in a folder."""
    return sorted(path.name for path in folder.iterdir() if is_partial(path)) if folder.exists() else []


def error_lines(output: str) -> list[str]:
    """Return the lines of an output that name an error of ours."""
    return [line for line in output.splitlines() if re.match(r"(\[rank \d+\] )?\w*(Error|Interrupted): ", line)]
