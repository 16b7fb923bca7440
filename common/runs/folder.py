"""A training run: its settings, its seeds, and its folder.

A run folder holds `config.json` (settings, command, seed, revision, versions, ranks), `history.csv`,
`best.weights.h5`, `checkpoint.h5` (for `--resume`), `run.log`, `history.png`, and `metrics.csv` where test data are
given. Rank 0 alone writes it.
"""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import common.distributed as hvd
from common.errors import OutputError, RunFolderError
from common.files.atomic import is_partial, write_text
from common.runs.config import RunConfig
from common.runs.provenance import provenance_record

CONFIG = "config.json"
HISTORY = "history.csv"
WEIGHTS = "best.weights.h5"
CHECKPOINT = "checkpoint.h5"
LOG = "run.log"
CURVES = "history.png"
METRICS = "metrics.csv"
METRIC_BARS = "metrics.png"
PICTURE = "comparison.png"
SPLIT = "split.txt"
THRESHOLDS = "thresholds.csv"  # of classification
FILES = (CONFIG, HISTORY, WEIGHTS, CHECKPOINT, LOG, CURVES, METRICS, METRIC_BARS, PICTURE, SPLIT)
KNOWN = (*FILES, THRESHOLDS)  # that `--overwrite` may take away
TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class RunLocation:
    """Where a training run is kept, and how to treat what is there: the options of `cli.add_run_options`.

    Attributes:
        folder: the run folder; None asks for a new one below `runs/`.
        resume: continue the run in the folder from its checkpoint.
        overwrite: replace the run in the folder.
    """

    folder: Path | None = None
    resume: bool = False
    overwrite: bool = False


def open_run_folder(location: RunLocation, name: str) -> Path:
    """Return the run folder: the one to resume, or a new one. Call on rank 0.

    Call `check_run_folder` at the start and this function when all else is ready: a command that fails in between
    leaves an older run as it is.

    Args:
        location: what the options ask for.
        name: how a new folder is called where none is given.

    Raises:
        RunFolderError, OutputError: as `create_run_folder`, or there is no run to resume.
    """
    if not location.resume:
        return create_run_folder(location.folder, name, location.overwrite)
    check_resumable(location.folder)
    return location.folder


def check_run_folder(location: RunLocation) -> None:
    """Raise the errors that `open_run_folder` would raise, and change nothing. Call on rank 0."""
    if location.resume:
        check_resumable(location.folder)
        return
    if location.folder:
        check_replaceable(location.folder, location.overwrite)
    check_writable(location.folder or Path("runs"))


def check_resumable(folder: Path | None) -> None:
    """Raise RunFolderError if a folder holds no run with a checkpoint."""
    if folder is None:
        raise RunFolderError("--resume needs to know which run; give its folder with --run-dir.")
    read_config(folder)
    if not (folder / CHECKPOINT).exists():
        raise RunFolderError(
            f"{folder} has no {CHECKPOINT}: no epoch was finished; start again with --overwrite instead of --resume."
        )


def check_replaceable(folder: Path, overwrite: bool) -> None:
    """Raise RunFolderError where a folder holds something that a new run may not take away."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is a file; give --run-dir a folder.")
    names = sorted(path.name for path in folder.iterdir())
    if names and not overwrite:
        raise RunFolderError(f"{folder} is not empty; continue with --resume, or replace it with --overwrite.")
    strange = [
        name
        for name in names
        if not (
            (name in KNOWN and (folder / name).is_file())
            or is_partial(folder / name)
            or (name == TENSORBOARD and holds_only_logs(folder / name))
        )
    ]
    if strange:
        raise RunFolderError(
            f"{folder} holds {strange[0]}, which no run writes; --overwrite will not touch such a "
            f"folder: give another --run-dir."
        )


def holds_only_logs(folder: Path) -> bool:
    """Is this a folder of TensorBoard's, with nothing else in it?"""
    return folder.is_dir() and all(path.is_dir() or path.name.startswith("events") for path in folder.rglob("*"))


def check_writable(folder: Path) -> None:
    """Raise OutputError where a folder, or the nearest one above it that exists, cannot be written to."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to run folder {folder}: {error.strerror}; give another --run-dir.") from error


def create_run_folder(run_dir: Path | None, name: str, overwrite: bool) -> Path:
    """Make an empty run folder; call on rank 0.

    Args:
        run_dir: folder, or None for a new `runs/<name>-<time>`.
        name: what the run is called where no folder is given.
        overwrite: take away the run that the folder holds.

    Raises:
        RunFolderError: the folder holds something, and overwrite is not asked for or is not ours to take away.
        OutputError: the folder cannot be made or written to.
    """
    folder = run_dir or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}"
    check_replaceable(folder, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to run folder {folder}: {error.strerror}; give another --run-dir.") from error
    check_writable(folder)
    for path in folder.iterdir():
        if path.name in KNOWN or is_partial(path):
            path.unlink()
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
    return folder


def write_config(folder: Path, config: RunConfig, **more: Any) -> None:
    """Write `config.json`: the settings, and all that is needed to repeat or explain the run."""
    earlier = read_config(folder) if (folder / CONFIG).exists() else None  # of a run that is resumed
    record = {
        "settings": dataclasses.asdict(config),
        "application": type(config).__module__.split(".")[0],
        **provenance_record(),
        "ranks": hvd.size(),
        **more,
        "earlier": [*earlier.pop("earlier", []), earlier] if earlier else [],
    }
    write_text(folder / CONFIG, json.dumps(record, indent=2) + "\n")


def read_config(folder: Path) -> dict:
    """What `write_config` wrote.

    Raises:
        RunFolderError: there is no such folder or file, or it is damaged.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
        if not isinstance(config, dict) or not isinstance(config.get("settings", {}), dict):
            raise ValueError("it holds no settings")
        return config
    except FileNotFoundError:
        raise RunFolderError(f"{folder} has no {CONFIG}; give the folder that a training run wrote.") from None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); train again, or restore it.") from error


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
