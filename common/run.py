"""A training run: its settings, its seeds, and its folder.

A run folder holds `config.json` (settings, command, seed, revision, versions, ranks), `history.csv`,
`best.weights.h5`, `checkpoint.h5` (for `--resume`), `run.log`, `history.png`, and `metrics.csv` where test data are
given. Rank 0 alone writes it.
"""

import argparse
import dataclasses
import json
import logging
import logging.handlers
import math
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import common.distributed as hvd
from common.errors import OutputError, RunFolderError, SettingError
from common.files import is_partial, write_text

Config = TypeVar("Config", bound="RunConfig")

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


def setting(help: str, default: Any = dataclasses.MISSING, **metadata: Any) -> Any:
    """A field of a configuration: its default, and the help text and choices of its option."""
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings that training means the same in every application; applications derive and add theirs."""

    epochs: int = setting("passes over the training patches", 100)
    batch_size: int = setting("patches a rank and step", 32)
    learning_rate: float = setting("for one rank; multiplied by the number of ranks", 1e-4)
    schedule: str = setting(
        "plateau: halve the learning rate when validation stops improving; cosine: fall to zero over all epochs",
        "plateau",
        choices=("plateau", "cosine"),
    )
    patience: int = setting("epochs without improvement before the learning rate is halved", 5)
    warmup_epochs: float = setting("epochs over which the learning rate rises to its full value", 1.0)
    precision: str = setting(
        "of the convolutions; what they add up to stays float32",
        "float32",
        choices=("float32", "bfloat16", "float16"),
    )
    seed: int = setting("for initial weights, order and augmentation", 0)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(f"--{name.replace('_', '-')} must be above 0; got {getattr(self, name)}.")
        if not 0 <= self.warmup_epochs < math.inf:
            raise SettingError(f"--warmup-epochs must be at least 0; got {self.warmup_epochs}.")
        if not 0 <= self.seed < 2**32:
            raise SettingError(f"--seed must be 0 to 4294967295; got {self.seed}.")
        for field in dataclasses.fields(self):
            if getattr(self, field.name) == "":  # as of a shell variable that is not set
                raise SettingError(f"--{field.name.replace('_', '-')} is empty; give a value, or leave it out.")
            choices = field.metadata.get("choices")
            if choices and getattr(self, field.name) not in choices:
                raise SettingError(f"{field.name} must be one of {choices}; got {getattr(self, field.name)!r}.")

    @classmethod
    def from_dict(cls: type[Config], settings: dict) -> Config:
        """The configuration with these settings.

        Raises:
            SettingError: a name is unknown or a value out of range.
        """
        unknown = set(settings) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise SettingError(f"unknown settings {', '.join(sorted(unknown))} for {cls.__name__}; take them out.")
        return cls(**settings)


def set_seeds(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, so that initial weights are the same on all ranks and in the next run."""
    import keras

    keras.utils.set_random_seed(seed)


def open_run_folder(arguments: argparse.Namespace, name: str) -> Path:
    """The run folder that the options of `cli.add_run_options` ask for: a new one, or one to resume. Call on rank 0.

    Call it when all else is ready, `check_run_folder` at the start: work that fails in between harms no older run.

    Raises:
        RunFolderError, OutputError: as `create_run_folder`; or there is no run to resume.
    """
    if arguments.resume:
        check_run_folder(arguments)
        return Path(arguments.run_dir)
    return create_run_folder(arguments.run_dir, name, arguments.overwrite)


def check_run_folder(arguments: argparse.Namespace) -> None:
    """Raise what `open_run_folder` would raise, and change nothing. Call on rank 0."""
    if not arguments.resume:
        folder = Path(arguments.run_dir or "runs")
        if arguments.run_dir:
            check_replaceable(folder, arguments.overwrite)
        check_writable(folder)
        return
    if arguments.run_dir is None:
        raise RunFolderError("--resume needs to know which run; give its folder with --run-dir.")
    folder = Path(arguments.run_dir)
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


def create_run_folder(run_dir: str | None, name: str, overwrite: bool) -> Path:
    """Make an empty run folder; call on rank 0.

    Args:
        run_dir: folder, or None for a new `runs/<name>-<time>`.
        name: what the run is called where no folder is given.
        overwrite: take away the run that the folder holds.

    Raises:
        RunFolderError: the folder holds something, and overwrite is not asked for or is not ours to take away.
        OutputError: the folder cannot be made or written to.
    """
    folder = Path(run_dir) if run_dir else Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}"
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


def provenance_record() -> dict[str, Any]:
    """How the results of a command came about, for a JSON file."""
    return {
        "command": sys.argv,
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "versions": library_versions(),
    }


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


def utc_now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def code_revision() -> str:
    """Git revision of this code, with `-dirty` where files differ from it; `unknown` outside a checkout."""
    here = Path(__file__).resolve().parent.parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a number."""
    versions = {"python": platform.python_version()}
    for package in (
        "jeoparda",
        "tensorflow",
        "tensorflow-cpu",
        "keras",
        "horovod",
        "gdal",
        "h5py",
        "numpy",
        "scikit-learn",
    ):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


class RunLog(logging.Handler):
    """Appends messages to a file. Where it cannot, that is an error like others, not a traceback that work survives."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        path.touch()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with open(self.path, "a") as file:
                file.write(f"{self.format(record)}\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; check space and permissions.") from error


def remember_log() -> None:
    """Remember what is logged before there is a run folder, for `log_to_file`."""
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL + 1))


def log_to_file(folder: Path) -> None:
    """Append what is logged, and was remembered, to `run.log` as well."""
    handler = RunLog(folder / LOG)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for early in [early for early in root.handlers if isinstance(early, logging.handlers.MemoryHandler)]:
        root.removeHandler(early)
        early.setTarget(handler)
        early.close()
    root.addHandler(handler)


def stop_logging_to_file() -> None:
    """Undo `log_to_file`, for a command that trains several times."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, RunLog)]:
        root.removeHandler(handler)
