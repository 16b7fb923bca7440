"""The files of run folders, and output folders of other commands. Only rank 0 writes them.

A run folder holds `config.json` (settings, command, revision, versions, ranks), `history.csv`, `best.weights.h5`,
`checkpoint.h5` and, older, `checkpoint.previous.h5` (for `--resume`), `run.log`, `history.png`, and `metrics.csv`
if the command measures the network. While a job works on it, it also holds `run.lock` and a folder `ranks`.
"""

import dataclasses
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common.distributed as hvd
from common.errors import OutputError, RunFolderError
from common.files.atomic import is_partial, make_folder, remove_abandoned, why_no_folder, write_text
from common.files.limits import parse_json, read_regular_file
from common.files.read_errors import describe_missing, describe_no_folder, describe_refusal
from common.runs.config import RunConfig
from common.runs.locks.heartbeat import read_sign
from common.runs.locks.lock import CLAIM, Lock
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
PREVIOUS_CHECKPOINT = "checkpoint.previous.h5"  # the one before
UNUSABLE_CHECKPOINT = "checkpoint.unusable.h5"  # kept under this name when the previous one is used instead
# In the order of removal. A run that was removed in part can continue while it has a checkpoint; then it may start again.
FILES = (
    *(CARD, CURVES, METRIC_BARS, PICTURE, METRICS),
    *(HISTORY, CHECKPOINT, PREVIOUS_CHECKPOINT, WEIGHTS, SPLIT, CONFIG, LOG),
)
REPLACEABLE = (THRESHOLDS, UNUSABLE_CHECKPOINT, *FILES)  # files that `--overwrite` may delete
TENSORBOARD = "tensorboard"
LOCK = "run.lock"
RANKS = "ranks"  # signs of life of the ranks
_OF_A_RANK = re.compile(rb"(process \d+ on .*)?")  # as `common/runs/locks/watchdog.py` writes them, or empty


def run_lock(folder: Path) -> Lock:
    """Return the lock of a run folder. One job at a time may change the folder."""
    return Lock(folder / LOCK, folder, "--run-dir")


def is_of_a_run(path: Path) -> bool:
    """Return whether a path in a run folder is one that a run writes."""
    if path.name == TENSORBOARD:
        return holds_only_logs(path)
    return is_of_a_job(path) or (path.name in REPLACEABLE and path.is_file())


def is_of_a_job(path: Path) -> bool:
    """Return whether a path in a run folder is one that stays only if the job is killed."""
    if path.name == RANKS:
        return path.is_dir() and all(is_of_a_rank(file) or is_partial(file) for file in path.iterdir())
    is_lock = path.name == LOCK and not path.is_dir()  # also one that another job removes at this moment
    return is_lock or is_partial(path) or path.name.startswith(LOCK + CLAIM)


def is_of_a_rank(path: Path) -> bool:
    """Return whether a path in the folder `ranks` is a sign of life. Other programs keep results under such names, too."""
    try:
        sign = read_sign(path)
    except OSError:  # a folder, for example
        return False
    return path.name.isdigit() and (sign is None or _OF_A_RANK.fullmatch(sign.content) is not None)


def holds_only_logs(folder: Path) -> bool:
    """Return whether this is a folder with files of TensorBoard only."""
    return folder.is_dir() and all(path.is_dir() or path.name.startswith("events") for path in folder.rglob("*"))


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
        "application": application_of(config),
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
    except (FileNotFoundError, NotADirectoryError):
        broken_link = describe_missing(path, "")
        lacks = f"has a {CONFIG} that {broken_link}" if broken_link else f"has no {CONFIG}"
        reason = lacks if folder.is_dir() else describe_no_folder(folder)
        raise RunFolderError(f"{folder} {reason}; give the folder that a training run wrote.") from None
    except (OSError, ValueError) as error:
        reason = describe_refusal(error) or f"cannot be read ({error}); train again, or restore it"
        raise RunFolderError(f"{path} {reason}.") from error


def application_of(config: RunConfig) -> str:
    """Return the name of the application whose settings these are: `superres` or `bigearthnet`."""
    return type(config).__module__.split(".")[0]


def require_application(folder: Path, config: RunConfig) -> None:
    """Check that the run in a folder is of the application that is to continue it.

    Raises:
        RunFolderError: it is of another one, or `config.json` is missing or damaged.
    """
    application = read_config(folder).get("application")
    if application != application_of(config):
        raise RunFolderError(
            f"{folder} holds a run of {application}-train, and this is {application_of(config)}-train; resume it with its "
            f"own command, or give another --run-dir."
        )


def has_config_of_a_run(folder: Path) -> bool:
    """Return whether a run wrote the `config.json` of a folder. Other programs write a file of this name, too.

    Raises:
        OSError, ValueError: the file cannot be read, so nothing tells who wrote it.
    """
    record = parse_json(read_regular_file(folder / CONFIG))
    return isinstance(record, dict) and {"settings", "application"} <= record.keys()


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder holds the `config.json` of a run. One that cannot be read counts beside another file of a run.

    So the folder of another program may count: use this to leave run folders alone, never to decide what to delete.

    Raises:
        OSError: the system refuses to search the folder.
    """
    path = folder / CONFIG
    if not (path.exists() or path.is_symlink()):
        return False
    try:
        return has_config_of_a_run(folder)
    except (OSError, ValueError):
        return any((folder / name).exists() for name in FILES if name != CONFIG)


def require_no_run_folder(folder: Path) -> None:
    """Check that results may be written into a folder, which need not exist.

    Raises:
        OutputError: it is a run folder, or the system refuses to search it.
    """
    with refusals_told(folder, "--output"):
        if is_run_folder(folder):
            raise OutputError(f"{folder} is a run folder, which holds files of its run only; give another --output.")


def check_output_folder(folder: Path, overwrite: bool, resumable: bool = False) -> None:
    """Raise the errors that `open_output_folder` would raise, but change nothing. Call on rank 0, before slow checks.

    Args:
        folder: the folder; it need not exist.
        overwrite: accept a folder that is not empty.
        resumable: whether the command has an option --resume, for the message.

    Raises:
        OutputError: the folder is not empty and overwrite is False, is a run folder, which has a `metrics.csv` of its own, or cannot
            be made or written to.
    """
    require_no_run_folder(folder)
    if folder.is_dir() and not overwrite and not all(map(is_partial, folder.iterdir())):
        go_on = "continue with --resume, " if resumable else ""
        raise OutputError(
            f"{folder} is not empty; {go_on}give another --output, or replace its results with --overwrite."
        )
    with refusals_told(folder, "--output"):
        try_to_write(folder)


@contextmanager
def refusals_told(folder: Path, option: str) -> Iterator[None]:
    """Say in one line why the system refuses to make a folder, or to write to it, in this block.

    Args:
        folder: the folder.
        option: names it.

    Raises:
        OutputError: the system refuses.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {why_no_folder(error)}; give another {option}.") from error


def try_to_write(folder: Path) -> None:
    """Raise OSError if files cannot be made in a folder; if it does not exist, in the nearest one above it."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with tempfile.TemporaryFile(dir=existing):
        pass


def open_output_folder(folder: Path, overwrite: bool, results: Sequence[str], resumable: bool = False) -> None:
    """Make a folder for results. Call on rank 0, after all other checks.

    Args:
        folder: the folder; made if it does not exist.
        overwrite: delete older results in the folder; other files stay.
        results: names of the files that the command writes, or patterns such as `*-errors.png`.
        resumable: as for `check_output_folder`.

    Raises:
        OutputError: as `check_output_folder`.
    """
    remove_abandoned(folder)
    check_output_folder(folder, overwrite, resumable)
    with refusals_told(folder, "--output"):
        make_folder(folder)
        for path in folder.iterdir():
            if any(path.match(name) for name in results) and not is_partial(path):
                path.unlink()
