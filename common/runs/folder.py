"""Run folders of training, and output folders of other commands. Only rank 0 writes them.

A run folder holds `config.json` (settings, command, revision, versions, ranks), `history.csv`, `best.weights.h5`,
`checkpoint.h5` (for `--resume`), `run.log`, `history.png`, and `metrics.csv` if the command measures the network.
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
from common.files.atomic import is_partial, make_folder, remove_abandoned, write_text
from common.files.limits import parse_json, read_regular_file
from common.files.read_errors import describe_refusal
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
CARD = "MODEL.md"
THRESHOLDS = "thresholds.csv"  # of a classifier
FILES = (CONFIG, HISTORY, WEIGHTS, CHECKPOINT, LOG, CURVES, METRICS, METRIC_BARS, PICTURE, SPLIT, CARD)
REPLACEABLE = (*FILES, THRESHOLDS)  # files that `--overwrite` may delete
TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class RunLocation:
    """The run folder of a training, and how to treat its content: the options of `cli.add_run_options`.

    Attributes:
        folder: the run folder; None asks for a new one below `runs/`.
        resume: continue the run in the folder from its checkpoint.
        overwrite: replace the run in the folder.
    """

    folder: Path | None = None
    resume: bool = False
    overwrite: bool = False


def open_run_folder(location: RunLocation, name: str) -> Path:
    """Return the folder of the run to resume, or make a new one. Call on rank 0.

    Call `check_run_folder` first, and this function when everything else is ready. A command that fails in between leaves
    an older run as it is.

    Args:
        location: the options of the command.
        name: first part of the name of a new folder below `runs/`.

    Raises:
        RunFolderError: there is no run to resume, or the folder holds something that may not be replaced.
        OutputError: the folder cannot be made or written to.
    """
    if not location.resume:
        return create_run_folder(location.folder, name, location.overwrite)
    check_resumable(location.folder)
    return location.folder


def check_run_folder(location: RunLocation) -> None:
    """Raise the errors that `open_run_folder` would raise, but change nothing. Call on rank 0."""
    if location.resume:
        check_resumable(location.folder)
        return
    if location.folder:
        check_replaceable(location.folder, location.overwrite)
    check_writable(location.folder or Path("runs"))


def check_resumable(folder: Path | None) -> None:
    """Raise RunFolderError if a folder holds no run with a checkpoint."""
    if folder is None:
        raise RunFolderError("--resume needs the folder of a run; give it with --run-dir.")
    read_config(folder)
    if not (folder / CHECKPOINT).exists():
        raise RunFolderError(
            f"{folder} has no {CHECKPOINT}: no epoch was finished; start again with --overwrite instead of --resume."
        )


def check_replaceable(folder: Path, overwrite: bool) -> None:
    """Raise RunFolderError if a folder holds anything that a new run may not replace."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is a file; give --run-dir a folder.")
    paths = sorted(folder.iterdir())
    if paths and not overwrite:
        raise RunFolderError(f"{folder} is not empty; continue with --resume, or replace it with --overwrite.")
    for path in paths:
        if not is_of_a_run(path):
            raise RunFolderError(
                f"{folder} holds {path.name}, which no run writes; --overwrite does not replace such a folder: "
                f"give another --run-dir."
            )


def is_of_a_run(path: Path) -> bool:
    """Return whether a path in a run folder is one that a run writes."""
    if path.name == TENSORBOARD:
        return holds_only_logs(path)
    return is_partial(path) or (path.name in REPLACEABLE and path.is_file())


def holds_only_logs(folder: Path) -> bool:
    """Return whether this is a folder with files of TensorBoard only."""
    return folder.is_dir() and all(path.is_dir() or path.name.startswith("events") for path in folder.rglob("*"))


def check_writable(folder: Path) -> None:
    """Raise OutputError if files cannot be made in a folder; if it does not exist, in the nearest one above it."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to run folder {folder}: {error.strerror}; give another --run-dir.") from error


def create_run_folder(run_dir: Path | None, name: str, overwrite: bool) -> Path:
    """Make an empty run folder. Call on rank 0.

    Args:
        run_dir: the folder; None makes a new `runs/<name>-<time>`.
        name: first part of the name of a new folder.
        overwrite: delete the run that the folder holds.

    Raises:
        RunFolderError: the folder is not empty and overwrite is False, or it holds files that no run writes.
        OutputError: the folder cannot be made or written to.
    """
    folder = run_dir or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}"
    check_replaceable(folder, overwrite)
    try:
        make_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot write to run folder {folder}: {error.strerror}; give another --run-dir.") from error
    check_writable(folder)
    for path in folder.iterdir():
        if path.name in REPLACEABLE or is_partial(path):
            path.unlink()
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
    return folder


def write_config(folder: Path, config: RunConfig, **more: Any) -> None:
    """Write `config.json`: settings, provenance, number of ranks, and the records of earlier parts of a resumed run.

    Args:
        folder: the run folder.
        config: the settings.
        more: further entries, for JSON.

    Raises:
        RunFolderError: the folder holds a damaged `config.json` of an earlier part.
        OutputError: the file cannot be written.
    """
    earlier = read_config(folder) if (folder / CONFIG).exists() else None
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
    """Return the record that `write_config` wrote.

    Raises:
        RunFolderError: the folder or the file is missing, or the file is damaged.
    """
    path = folder / CONFIG
    try:
        config = parse_json(read_regular_file(path))
        if not isinstance(config, dict) or not isinstance(config.get("settings", {}), dict):
            raise ValueError("it has no settings")
        if not isinstance(config.get("earlier", []), list):
            raise ValueError("it has no list of earlier parts")
        return config
    except FileNotFoundError:
        raise RunFolderError(f"{folder} has no {CONFIG}; give the folder that a training run wrote.") from None
    except (OSError, ValueError) as error:
        reason = describe_refusal(error) or f"cannot be read ({error}); train again, or restore it"
        raise RunFolderError(f"{path} {reason}.") from error


def open_output_folder(folder: Path, overwrite: bool, results: Sequence[str]) -> None:
    """Make a folder for results. Call on rank 0, after all other checks.

    Args:
        folder: the folder; made if it does not exist.
        overwrite: delete older results in the folder; other files stay.
        results: names of the files that the command writes, or patterns such as `*-errors.png`.

    Raises:
        OutputError: the folder is not empty and overwrite is False, or it cannot be made or written to.
    """
    remove_abandoned(folder)
    if folder.is_dir() and not overwrite and not all(map(is_partial, folder.iterdir())):
        raise OutputError(f"{folder} is not empty; give another --output, or replace its results with --overwrite.")
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for path in folder.iterdir():
            if any(path.match(name) for name in results) and not is_partial(path):
                path.unlink()
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        reason = "it, or a folder above it, is a file" if is_file else error.strerror
        raise OutputError(f"cannot write to {folder}: {reason}; give another --output.") from error
