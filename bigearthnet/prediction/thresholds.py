"""The file `thresholds.csv` of a run folder: the decision threshold of each class."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import RunFolderError
from common.metrics.thresholds import Threshold
from common.runs.tables import read_rows, write_rows

COLUMNS = ("class", "threshold", "f1", "support")  # f1 and support on the validation patches


def write_thresholds(path: Path, thresholds: Sequence[Threshold]) -> None:
    """Write `thresholds.csv`, a class a row.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, thresholds, COLUMNS)


def read_thresholds(path: Path) -> list[Threshold]:
    """Read `thresholds.csv`.

    Raises:
        RunFolderError: the file is missing or damaged, or a threshold is no probability.
    """
    thresholds = read_rows(path, Threshold, COLUMNS)
    for name, threshold, *_ in thresholds:
        if not 0 <= threshold <= 1:
            raise RunFolderError(f"{path} has the threshold {threshold} for {name}; expected 0 to 1: restore it.")
    return thresholds
