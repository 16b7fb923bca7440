"""The state of a run folder, from its files alone: whether a run may start there, continue, or start again."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from common.errors import RunFolderError
from common.files.read_errors import describe_no_folder, describe_refusal, nearest_existing
from common.runs.folder import (
    CARD,
    CHECKPOINT,
    CONFIG,
    CURVES,
    HISTORY,
    LOG,
    METRICS,
    PREVIOUS_CHECKPOINT,
    WEIGHTS,
    has_config_of_a_run,
    is_of_a_job,
    is_of_a_run,
    read_config,
)
from common.runs.log import has_log_of_a_run


class Content(Enum):
    """Kinds of content of a folder."""

    EMPTY = auto()  # or there is no folder
    STARTED = auto()  # a run without a checkpoint
    RESUMABLE = auto()
    FINISHED = auto()  # all epochs; more may be asked for
    DAMAGED = auto()
    FOREIGN = auto()  # no run


@dataclass(frozen=True)
class RunState:
    """The state of a run folder.

    Attributes:
        content: its kind.
        text: the same in words that follow "holds".
    """

    content: Content
    text: str

    @property
    def has_checkpoint(self) -> bool:
        """Whether a run can continue."""
        return self.content in (Content.RESUMABLE, Content.FINISHED)


def read_state(folder: Path) -> RunState:
    """Return the state of a folder, which may be missing. Files of a job that was killed do not count.

    Raises:
        RunFolderError: the path, or one above it, is a file, or nothing tells whether the folder is of a run.
    """
    nearest = nearest_existing(folder)
    if not nearest.is_dir():
        raise RunFolderError(f"{nearest} {describe_no_folder(nearest)}; give --run-dir a folder.")
    names = {path.name for path in folder.iterdir() if not is_of_a_job(path)} if folder.exists() else set()
    if not names:
        return RunState(Content.EMPTY, "no run")
    if other := _other_than_a_run(folder, names):
        return other
    if names & {CHECKPOINT, PREVIOUS_CHECKPOINT}:
        return _state_with_checkpoint(folder)
    if evidence := _evidence_of_epochs(folder, names):
        return RunState(Content.DAMAGED, f"{evidence}, but no {CHECKPOINT} of this run")
    return RunState(Content.STARTED, "a run that was stopped before its first checkpoint")


def first_foreign(folder: Path) -> Path | None:
    """Return the first path in a folder that no run writes; None if there is none."""
    paths = sorted(folder.iterdir()) if folder.exists() else []
    return next((path for path in paths if not is_of_a_run(path)), None)


def _other_than_a_run(folder: Path, names: set[str]) -> RunState | None:
    """Return the state of a folder that nothing shows to be of a run; None if `config.json` does, or `run.log` without one.

    The other names do not: `metrics.csv`, `checkpoint.h5` and so on are usual in other programs, and `--overwrite` deletes.

    Raises:
        RunFolderError: the file cannot be read, so it may be of a run or of another program.
    """
    for name, is_own in ((CONFIG, has_config_of_a_run), (LOG, has_log_of_a_run)):
        if name not in names:
            continue
        try:
            return None if is_own(folder) else RunState(Content.FOREIGN, f"a {name} that no run wrote")
        except IsADirectoryError:
            return RunState(Content.FOREIGN, f"{name}, which no run writes")
        except (OSError, ValueError) as error:
            reason = describe_refusal(error) or f"cannot be read ({error}); restore it"
            raise RunFolderError(
                f"{folder / name} {reason}, move it away if it is of a run to replace, or give another --run-dir."
            ) from error
    if foreign := first_foreign(folder):
        return RunState(Content.FOREIGN, f"{foreign.name}, which no run writes")
    return RunState(Content.FOREIGN, f"{min(names)}, but neither {CONFIG} nor {LOG} of a run")


def _state_with_checkpoint(folder: Path) -> RunState:
    if not (folder / CONFIG).exists():
        return RunState(Content.DAMAGED, f"a checkpoint, but no {CONFIG}")
    try:
        epochs = read_config(folder).get("settings", {}).get("epochs")
    except RunFolderError:
        return RunState(Content.DAMAGED, f"a checkpoint, but a {CONFIG} that cannot be read")
    finished = _finished_epochs(folder)
    if finished is None or not isinstance(epochs, int):
        return RunState(Content.RESUMABLE, "a run with a checkpoint")
    if finished < epochs:
        return RunState(Content.RESUMABLE, f"a run with {finished} of {epochs} epochs finished")
    return RunState(Content.FINISHED, f"a finished run of {finished} epochs")


def _finished_epochs(folder: Path) -> int | None:
    """Return the number of epochs before the newest checkpoint; None if no checkpoint tells it."""
    from common.files.hdf5 import open_hdf5  # takes time, and `--help` does not need it

    for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
        try:
            with open_hdf5(folder / name) as file:
                return int(file.attrs["epoch"])
        except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError):
            continue  # the one who reads the whole checkpoint says what is wrong
    return None


def _evidence_of_epochs(folder: Path, names: set[str]) -> str:
    """Return the sign that a run without a checkpoint had finished an epoch; empty if there is none.

    A run that is killed at the end of its first epoch has one row of history, perhaps weights, and always a log.
    """
    if (folder / HISTORY).is_file():  # not if another program has made a folder or a pipe of this name
        rows = len((folder / HISTORY).read_text(errors="replace").splitlines()) - 1
        if rows > 1:
            return f"{HISTORY} with {rows} epochs"
    for name in (CARD, METRICS, CURVES):  # written after the last epoch
        if name in names:
            return name
    return WEIGHTS if WEIGHTS in names and LOG not in names else ""
