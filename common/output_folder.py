"""A folder for the results of a command: refused where it holds something, cleared of older results on request."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from common.errors import OutputError
from common.files import is_partial


def open_output_folder(folder: Path, overwrite: bool, results: Sequence[str]) -> None:
    """Make a folder for results; call on rank 0, when all else is checked.

    Args:
        folder: made where it is not there.
        overwrite: take away the older results that it holds; other files stay.
        results: names of the files that the command writes, or patterns such as `*-errors.png`.

    Raises:
        OutputError: it holds something and overwrite is not asked for, or it cannot be made or written to.
    """
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise OutputError(f"{folder} is not empty; give another --output, or replace its results with --overwrite.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for path in folder.iterdir():
            if is_partial(path) or any(path.match(name) for name in results):
                path.unlink()
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        reason = "it, or a folder above it, is a file" if is_file else error.strerror
        raise OutputError(f"cannot write to {folder}: {reason}; give another --output.") from error
