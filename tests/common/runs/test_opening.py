"""Opening a run folder: what each option does with each content, and that one job at a time holds the folder."""

import logging
import os
import re
import shutil
from pathlib import Path

import pytest

from common.errors import InUseError, OutputError, RunFolderError, S2Error, SettingError
from common.runs import folder as run
from common.runs import opening
from common.runs.config import RunConfig
from common.runs.locks.lock import Lock, release, take
from common.runs.opening import Run, RunLocation, check_run_folder, make_empty, open_run_folder, opened_run
from tests.support.run_folders import write_run

NAME = "superres-dsen2-20m"


def names(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def started(folder: Path) -> Path:
    """Write a run that was stopped in its first epoch."""
    folder.mkdir()
    run.write_config(folder, RunConfig())
    (folder / run.LOG).touch()
    return folder


def damaged(folder: Path) -> Path:
    (write_run(folder) / run.CONFIG).unlink()
    return folder


def uncertain(folder: Path) -> Path:
    (write_run(folder) / run.CONFIG).write_text('{"settings": {')
    return folder


def nameless(folder: Path) -> Path:
    """Write a folder with names as a run has them, but neither config.json nor run.log."""
    folder.mkdir()
    for name in (run.METRICS, run.CHECKPOINT, run.WEIGHTS):
        (folder / name).touch()
    return folder


def foreign(folder: Path) -> Path:
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    return folder


def ranks_of_others(folder: Path) -> Path:
    """Write a folder with the name of one of ours, in which another program keeps a folder for each rank."""
    (folder / run.RANKS / "0").mkdir(parents=True)
    (folder / run.RANKS / "0" / "thesis.tex").write_text("years of work")
    return folder


def with_thesis(folder: Path) -> Path:
    (started(folder) / "thesis.tex").write_text("years of work")
    return folder


def held(folder: Path) -> Path:
    take(run.run_lock(write_run(folder)))
    return folder


CONTENTS = {
    "none": lambda folder: folder,
    "run": write_run,
    "started": started,
    "damaged": damaged,
    "uncertain": uncertain,
    "nameless": nameless,
    "foreign": foreign,
    "ranks_of_others": ranks_of_others,
    "with_thesis": with_thesis,
    "held": held,
}


@pytest.fixture
def folder(tmp_path: Path):
    yield tmp_path / "run"
    release(run.run_lock(tmp_path / "run"))


@pytest.mark.parametrize(
    "content, options, outcome",
    [
        ("none", "", False),
        ("none", "resume", False),
        ("none", "overwrite", False),
        (
            "started",
            "",
            "holds a run that was stopped .*; start it again with --resume, or replace it with --overwrite",
        ),
        ("started", "resume", False),
        ("started", "overwrite", False),
        ("run", "", "holds a finished run of 3 epochs; continue with --resume, or replace it with --overwrite"),
        ("run", "resume", True),
        ("run", "overwrite", False),
        ("damaged", "", r"holds a checkpoint, but no config\.json; restore what is missing, or give another --run-dir"),
        ("damaged", "resume", "holds a checkpoint, but no config"),
        ("damaged", "overwrite", False),
        (
            "uncertain",
            "",
            r"config\.json cannot be read \(.*\); restore it, move it away if it is of a run to replace, or",
        ),
        ("uncertain", "resume", "config"),
        ("uncertain", "overwrite", "config"),
        (
            "nameless",
            "resume",
            r"holds best\.weights\.h5, but neither config\.json nor run\.log of a run; give another",
        ),
        ("nameless", "overwrite", "holds best"),
        ("foreign", "", r"holds thesis\.tex, which no run writes; give another --run-dir"),
        ("foreign", "resume", "holds thesis"),
        ("foreign", "overwrite", "holds thesis"),
        ("ranks_of_others", "", "holds ranks, which no run writes; give another --run-dir"),
        ("ranks_of_others", "overwrite", "holds ranks, which no run writes"),
        ("with_thesis", "resume", r"holds thesis\.tex, which no run writes, beside a run that would be replaced"),
        ("with_thesis", "overwrite", "holds thesis"),
        ("held", "resume", r"is in use by process \d+ on .*; wait until it ends, or give another --run-dir"),
        ("held", "overwrite", "is in use by"),
    ],
)
def test_what_each_option_does_with_each_content(folder: Path, content: str, options: str, outcome: bool | str) -> None:
    """The check raises the errors of opening and changes nothing. A run is continued, or the folder is made empty."""
    CONTENTS[content](folder)
    location = RunLocation(folder, options == "resume", options == "overwrite")
    before = names(folder) if folder.exists() else None
    if isinstance(outcome, str):
        for function in (check_run_folder, lambda location: open_run_folder(location, NAME)):
            with pytest.raises(S2Error, match=f"{folder}[ /]{outcome}"):
                function(location)
            assert names(folder) == before
        return
    assert check_run_folder(location) is outcome
    assert (names(folder) if folder.exists() else None) == before
    assert open_run_folder(location, NAME) == Run(folder, outcome)
    assert names(folder) == {run.LOCK, *(before if outcome else ())}


def test_the_run_of_another_folder_is_kept_beside_files_of_others(tmp_path: Path) -> None:
    (write_run(tmp_path / "run") / "thesis.tex").write_text("years of work")
    assert check_run_folder(RunLocation(tmp_path / "run", resume=True))


def test_the_log_says_what_resume_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for make in (write_run, started):
        check_run_folder(RunLocation(make(tmp_path / make.__name__), resume=True))
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    check_run_folder(RunLocation(tmp_path / "mistyped", resume=True))
    assert caplog.records[-1].levelname == "WARNING"
    assert caplog.messages == [
        f"{tmp_path / 'write_run'} holds a finished run of 3 epochs; continues",
        f"{tmp_path / 'started'} holds a run that was stopped before its first checkpoint; starts again",
        f"{tmp_path / 'mistyped'} holds no run; --resume starts it from the beginning",
    ]


def test_a_run_is_held_until_it_ends(tmp_path: Path) -> None:
    location = RunLocation(tmp_path / "run", resume=True)
    with opened_run(location, NAME) as opened:
        assert opened == (tmp_path / "run", False)
        with pytest.raises(InUseError, match=f"is in use by process {os.getpid()} on"):
            check_run_folder(location)
        write_run(tmp_path / "run")
    assert run.LOCK not in names(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), opened_run(location, NAME) as opened:
        assert opened.resumes
        raise ZeroDivisionError
    assert run.LOCK not in names(tmp_path / "run")


def test_the_folder_is_looked_at_again_when_it_is_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another job may have run there between the check and the lock."""

    def take_late(lock: Lock) -> None:
        write_run(folder)
        take(lock)

    monkeypatch.setattr(opening, "take", take_late)
    with pytest.raises(RunFolderError, match="holds a finished run of 3 epochs"):
        open_run_folder(RunLocation(folder), NAME)
    assert run.LOCK not in names(folder)
    assert run.CHECKPOINT in names(folder)
    folder.rename(folder.with_name("first"))
    assert open_run_folder(RunLocation(folder, resume=True), NAME).resumes


def test_what_a_killed_job_left_is_removed(folder: Path) -> None:
    write_run(folder)
    (folder / run.RANKS).mkdir()
    (folder / run.RANKS / "1").touch()
    assert open_run_folder(RunLocation(folder, resume=True), NAME).resumes
    assert run.RANKS not in names(folder)
    ranks_of_others(folder)
    release(run.run_lock(folder))
    open_run_folder(RunLocation(folder, resume=True), NAME)
    assert (folder / run.RANKS / "0" / "thesis.tex").exists()


def test_a_new_run_removes_temporary_files(folder: Path) -> None:
    (write_run(folder) / ".node7.4711.partial.checkpoint.h5").touch()
    open_run_folder(RunLocation(folder, overwrite=True), NAME)
    assert names(folder) == {run.LOCK}


def test_a_new_run_leaves_what_a_link_of_the_old_one_names(folder: Path, tmp_path: Path) -> None:
    write_run(folder)
    shutil.rmtree(folder / run.TENSORBOARD)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "events.1").touch()
    (folder / run.TENSORBOARD).symlink_to(tmp_path / "elsewhere")
    open_run_folder(RunLocation(folder, overwrite=True), NAME)
    assert names(folder) == {run.LOCK}
    assert names(tmp_path / "elsewhere") == {"events.1"}


@pytest.mark.parametrize("deleted", range(len(run.REPLACEABLE)))
def test_a_removal_that_stops_anywhere_can_be_repeated(
    folder: Path, deleted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(folder)
    (folder / run.REPLACEABLE[deleted]).unlink()
    (folder / run.REPLACEABLE[deleted]).mkdir()  # a file cannot be deleted
    with pytest.raises(OSError):
        make_empty(folder)
    (folder / run.REPLACEABLE[deleted]).rmdir()
    assert open_run_folder(RunLocation(folder, overwrite=True), NAME) == Run(folder, False)
    assert names(folder) == {run.LOCK}


def test_a_resumed_run_removes_what_the_job_on_another_machine_left(folder: Path) -> None:
    """A batch system starts a job again on another machine. Other commands write files of other names."""
    write_run(folder)
    before = names(folder)
    (folder / ".node7.4711.0a1b.partial.checkpoint.h5").touch()
    (folder / ".node7.4711.0a1b.partial.scene-errors.png").touch()
    open_run_folder(RunLocation(folder, resume=True), NAME)
    assert names(folder) == {*before, ".node7.4711.0a1b.partial.scene-errors.png", run.LOCK}


def test_without_a_name_each_run_has_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_run_folder(RunLocation()) is False
    with opened_run(RunLocation(), NAME) as first, opened_run(RunLocation(), NAME) as second:
        assert first != second
        assert re.fullmatch(r"runs/superres-dsen2-20m-\d{8}-\d{6}-\d{6}", str(first.folder))


def test_resume_needs_a_folder_and_contradicts_overwrite(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="--resume needs the folder of a run; give it with --run-dir"):
        check_run_folder(RunLocation(resume=True))
    with pytest.raises(
        SettingError, match="--resume continues a run, and --overwrite replaces it; give one of the two"
    ):
        RunLocation(tmp_path, resume=True, overwrite=True)
    with pytest.raises(
        SettingError, match="--allow-ranks-change is for a run that goes on; give --resume, too, or leave"
    ):
        RunLocation(tmp_path, allow_ranks_change=True)


def test_a_file_is_not_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    for function in (check_run_folder, lambda location: open_run_folder(location, NAME)):
        for path in (tmp_path / "run", tmp_path / "run" / "first"):
            with pytest.raises(RunFolderError, match=r"run is a file; give --run-dir a folder"):
                function(RunLocation(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_seen_before_the_run_folder_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"cannot write to .*: Permission denied; give another --run-dir"):
        check_run_folder(RunLocation(tmp_path / "runs" / "first"))
