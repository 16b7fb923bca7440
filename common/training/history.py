"""The file `history.csv` of a run folder: losses, metrics and learning rate of each epoch."""

from pathlib import Path

from common.errors import RunFolderError
from common.files.limits import read_table
from common.files.read_errors import describe_refusal
from common.runs.tables import write_rows


def write_history(path: Path, rows: list[dict]) -> None:
    """Write `history.csv`, an epoch a row; a value that an epoch lacks becomes an empty cell.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_rows(path, [[row.get(name) for name in columns] for row in rows], columns)


def read_history(path: Path, epochs: int) -> list[dict]:
    """Return the first `epochs` rows of `history.csv`, as numbers; empty cells are left out.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        rows = [{name: float(value) for name, value in row.items() if value} for row in read_table(path)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows[:epochs]]
    except (OSError, ValueError, KeyError, OverflowError) as error:  # OverflowError: an infinite epoch
        reason = describe_refusal(error) or f"cannot be read ({error}); restore it, or start a new run"
        raise RunFolderError(f"{path} {reason}.") from error
