"""Open a run folder: check it, hold it, continue its run or make it empty. Only rank 0 changes it."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import common.distributed as hvd
from common.errors import RunFolderError, SettingError
from common.files.atomic import is_partial, make_folder
from common.runs.folder import RANKS, REPLACEABLE, TENSORBOARD, is_of_a_job, refusals_told, run_lock, try_to_write
from common.runs.locks.lock import release, require_free, take
from common.runs.locks.watchdog import watched_ranks
from common.runs.state import Content, RunState, first_foreign, read_state

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunLocation:
    """The run folder of a training, and how to treat its content: the options of `cli.add_run_options`.

    Attributes:
        folder: the run folder; None asks for a new one below `runs/`.
        resume: continue the run in the folder from its last checkpoint, or start it if there is none.
        overwrite: replace the run in the folder.
        allow_ranks_change: continue also a run of another number of ranks.

    Raises:
        SettingError: resume and overwrite are both given, or allow_ranks_change without resume.
    """

    folder: Path | None = None
    resume: bool = False
    overwrite: bool = False
    allow_ranks_change: bool = False

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise SettingError("--resume continues a run, and --overwrite replaces it; give one of the two.")
        if self.allow_ranks_change and not self.resume:
            raise SettingError("--allow-ranks-change is for a run that goes on; give --resume, too, or leave it out.")


class Run(NamedTuple):
    """An open run folder.

    Attributes:
        folder: the folder.
        resumes: whether to continue from its checkpoint.
    """

    folder: Path
    resumes: bool


@contextmanager
def opened_run(location: RunLocation, name: str) -> Iterator[Run]:
    """Open a run folder and hold it during the block; watch the ranks meanwhile. Every rank must call it.

    Args:
        location: the options of the command.
        name: first part of the name of a new folder below `runs/`.

    Raises:
        RunFolderError, InUseError, OutputError: as `open_run_folder`; on all ranks.
    """
    run = hvd.on_rank_zero(lambda: open_run_folder(location, name))
    try:
        with watched_ranks(run.folder / RANKS):
            yield run
    finally:
        release(run_lock(run.folder))


def check_run_folder(location: RunLocation) -> bool:
    """Raise the errors that `open_run_folder` would raise, and log what it will do, but change no run. Call on rank 0.

    Returns:
        Whether a run is there to be continued.
    """
    folder = location.folder or Path("runs")
    state = require_suitable(location)
    with refusals_told(folder, "--run-dir"):
        try_to_write(folder)
    if location.folder and folder.exists():
        require_free(run_lock(folder))
    if location.resume and state.content is Content.EMPTY:
        logger.warning("%s holds no run; --resume starts it from the beginning", folder)
    elif location.resume:
        logger.info("%s holds %s; %s", folder, state.text, "continues" if state.has_checkpoint else "starts again")
    return location.resume and state.has_checkpoint


def open_run_folder(location: RunLocation, name: str) -> Run:
    """Hold the folder of the run to continue, or make a new one. Call on rank 0; `release` its lock at the end.

    Call `check_run_folder` first, and this function when everything else is ready. A command that fails in between leaves
    an older run as it is.

    Args:
        location: the options of the command.
        name: first part of the name of a new folder below `runs/`.

    Raises:
        RunFolderError: the folder holds a damaged run to resume, or something that may not be replaced.
        InUseError: another job holds the folder.
        OutputError: the folder cannot be made or written to.
    """
    require_suitable(location)
    folder = location.folder or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}"
    with refusals_told(folder, "--run-dir"):
        make_folder(folder)
        try_to_write(folder)
    take(run_lock(folder))
    try:
        state = require_suitable(location)  # again: another job may have changed it
        resumes = location.resume and state.has_checkpoint
        if is_of_a_job(folder / RANKS):
            shutil.rmtree(folder / RANKS, ignore_errors=True)
        remove_unfinished(folder)
        if not resumes:
            make_empty(folder)
    except BaseException:
        release(run_lock(folder))
        raise
    return Run(folder, resumes)


def require_suitable(location: RunLocation) -> RunState:
    """Return the state of a run folder.

    Raises:
        RunFolderError: the command may neither start a run there nor continue the one that is there.
    """
    folder = location.folder
    if folder is None:
        if location.resume:
            raise RunFolderError("--resume needs the folder of a run; give it with --run-dir.")
        return RunState(Content.EMPTY, "no run")
    state = read_state(folder)
    if state.content is Content.FOREIGN or (state.content is Content.DAMAGED and not location.overwrite):
        remedy = "restore what is missing, or " if state.content is Content.DAMAGED else ""
        raise RunFolderError(f"{folder} holds {state.text}; {remedy}give another --run-dir.")
    if location.resume and state.has_checkpoint:
        return state
    if state.content is not Content.EMPTY and not (location.resume or location.overwrite):
        verb = "continue" if state.has_checkpoint else "start it again"
        raise RunFolderError(f"{folder} holds {state.text}; {verb} with --resume, or replace it with --overwrite.")
    if foreign := first_foreign(folder):
        raise RunFolderError(
            f"{folder} holds {foreign.name}, which no run writes, beside a run that would be replaced; "
            f"give another --run-dir."
        )
    return state


def make_empty(folder: Path) -> None:
    """Delete the run in a folder, in the order of `REPLACEABLE`: what shows that it is of a run comes last."""
    events = folder / TENSORBOARD
    if events.is_symlink():  # what it names may be of others
        events.unlink()
    shutil.rmtree(events, ignore_errors=True)
    for name in REPLACEABLE:
        (folder / name).unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of killed jobs, also of other machines: only the job that holds the folder writes them."""
    for path in folder.iterdir():
        if is_partial(path) and path.name.endswith(REPLACEABLE):
            path.unlink()
