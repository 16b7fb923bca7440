"""The state of a run folder at each moment at which a job may be killed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import RunFolderError
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.state import Content, RunState, first_foreign, read_state
from tests.support.permissions import without_permission
from tests.support.run_folders import EPOCHS, write_checkpoint, write_history, write_run

TO_REPLACE = r"move it away if it is of a run to replace, or give another --run-dir\."


def test_a_missing_and_an_empty_folder(tmp_path: Path) -> None:
    assert read_state(tmp_path / "run").content is Content.EMPTY
    assert read_state(tmp_path).content is Content.EMPTY


def test_files_of_a_killed_job_are_no_run(tmp_path: Path) -> None:
    for name in (run.LOCK, f"{run.LOCK}.claim.0123", ".node7.4711.partial.config.json"):
        (tmp_path / name).touch()
    (tmp_path / run.RANKS).mkdir()
    (tmp_path / run.RANKS / "0").touch()
    assert read_state(tmp_path).content is Content.EMPTY


def test_each_moment_of_the_first_epoch_is_a_run_without_a_finished_epoch(tmp_path: Path) -> None:
    """The files in the order in which a training writes them."""
    steps = (
        lambda: (tmp_path / run.LOG).touch(),
        lambda: (tmp_path / run.SPLIT).touch(),
        lambda: run.write_config(tmp_path, RunConfig(epochs=EPOCHS)),
        lambda: (tmp_path / run.TENSORBOARD).mkdir(),
        lambda: (tmp_path / run.WEIGHTS).touch(),
        lambda: write_history(tmp_path, 1),
    )
    for step in steps:
        step()
        state = read_state(tmp_path)
        assert state.content is Content.STARTED
        assert state.text == "a run that was stopped before its first checkpoint"
    write_checkpoint(tmp_path, 1)
    assert read_state(tmp_path).text == "a run with 1 of 3 epochs finished"


@pytest.mark.parametrize("epochs, content", [(2, Content.RESUMABLE), (3, Content.FINISHED), (4, Content.FINISHED)])
def test_a_run_with_a_checkpoint_can_continue(tmp_path: Path, epochs: int, content: Content) -> None:
    state = read_state(write_run(tmp_path, epochs))
    assert (state.content, state.has_checkpoint) == (content, True)
    assert state.text == ("a run with 2 of 3 epochs finished" if epochs == 2 else f"a finished run of {epochs} epochs")


def test_the_previous_checkpoint_is_enough(tmp_path: Path) -> None:
    (write_run(tmp_path, 2) / run.CHECKPOINT).unlink()
    write_checkpoint(tmp_path, 1, run.PREVIOUS_CHECKPOINT)
    assert read_state(tmp_path).text == "a run with 1 of 3 epochs finished"


def test_a_damaged_checkpoint_is_left_to_its_reader(tmp_path: Path) -> None:
    write_run(tmp_path, 2)
    for name in (run.CHECKPOINT, run.PREVIOUS_CHECKPOINT):
        (tmp_path / name).write_bytes(b"cut short")
    assert read_state(tmp_path).text == "a run with a checkpoint"


@pytest.mark.parametrize(
    "missing, text",
    [
        ((run.CONFIG,), r"a checkpoint, but no config\.json"),
        ((run.CHECKPOINT, run.PREVIOUS_CHECKPOINT), r"history\.csv with 2 epochs, but no checkpoint\.h5 of this run"),
        ((run.CHECKPOINT, run.PREVIOUS_CHECKPOINT, run.HISTORY), r"MODEL\.md, but no checkpoint\.h5 of this run"),
    ],
)
def test_a_run_that_lacks_a_file(tmp_path: Path, missing: tuple[str, ...], text: str) -> None:
    write_run(tmp_path, 2)
    for name in missing:
        (tmp_path / name).unlink()
    state = read_state(tmp_path)
    assert state.content is Content.DAMAGED
    assert state.text == text.replace("\\", "")


def test_a_run_with_damaged_settings(tmp_path: Path) -> None:
    (write_run(tmp_path) / run.CONFIG).write_text('{"application": "superres", "settings": 5}')
    state = read_state(tmp_path)
    assert state == RunState(Content.DAMAGED, "a checkpoint, but a config.json that cannot be read")


@pytest.mark.parametrize("others", [(), (run.METRICS,), (run.CHECKPOINT, run.LOG)])
@pytest.mark.parametrize("text, reason", [("", "Expecting value: .*"), ("[" * 9999, "it is nested too deeply")])
def test_a_config_that_cannot_be_read_may_be_of_another_program(
    tmp_path: Path, others: tuple[str, ...], text: str, reason: str
) -> None:
    (tmp_path / run.CONFIG).write_text(text)
    for name in others:
        (tmp_path / name).touch()
    with pytest.raises(RunFolderError, match=rf"config\.json cannot be read \({reason}\); restore it, {TO_REPLACE}$"):
        read_state(tmp_path)


@pytest.mark.parametrize("name", [run.CONFIG, run.LOG])
def test_a_file_that_the_system_refuses_to_read_may_be_whole(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.touch()
    advice = rf"{name} cannot be read \(Permission denied\); check its permissions, {TO_REPLACE}$"
    with without_permission(path), pytest.raises(RunFolderError, match=advice):
        read_state(Path())
    path.unlink()
    path.symlink_to("gone")
    advice = rf"{name} is a link to {tmp_path / 'gone'}, which does not exist; correct the link, {TO_REPLACE}$"
    with pytest.raises(RunFolderError, match=advice):
        read_state(Path())
    path.unlink()
    path.mkdir()
    assert read_state(Path()) == RunState(Content.FOREIGN, f"{name}, which no run writes")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_history_that_is_no_file_is_left_to_first_foreign(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe would be read for ever."""
    run.write_config(tmp_path, RunConfig())
    make(tmp_path / run.HISTORY)
    assert read_state(tmp_path).content is Content.STARTED
    assert first_foreign(tmp_path) == tmp_path / run.HISTORY


def test_copied_weights_are_no_run_that_may_start_again(tmp_path: Path) -> None:
    """People share weights with their settings, without log and checkpoint."""
    run.write_config(tmp_path, RunConfig())
    (tmp_path / run.WEIGHTS).touch()
    assert read_state(tmp_path).content is Content.DAMAGED


def test_a_half_removed_run_is_never_one_that_may_start_again_with_weights(tmp_path: Path) -> None:
    """A finished run that is being replaced, and whose removal is stopped anywhere."""
    shutil.rmtree(write_run(tmp_path) / run.TENSORBOARD)
    for name in run.REPLACEABLE:
        (tmp_path / name).unlink()
        content = read_state(tmp_path).content
        kept = (tmp_path / run.CHECKPOINT).exists() or (tmp_path / run.PREVIOUS_CHECKPOINT).exists()
        assert content in ((Content.FINISHED, Content.RESUMABLE) if kept else (Content.STARTED, Content.EMPTY)), name


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    state = read_state(tmp_path)
    assert (state.content, state.text) == (Content.FOREIGN, "thesis.tex, which no run writes")
    assert first_foreign(tmp_path) == tmp_path / "thesis.tex"
    assert first_foreign(write_run(tmp_path / "run")) is None


@pytest.mark.parametrize("others", [(), (run.METRICS,), (run.CHECKPOINT, run.LOG)])
def test_a_config_of_another_program_is_no_run(tmp_path: Path, others: tuple[str, ...]) -> None:
    """With --overwrite, a run would delete it."""
    (tmp_path / run.CONFIG).write_text('{"model_type": "bert"}')
    for name in others:
        (tmp_path / name).touch()
    assert read_state(tmp_path) == RunState(Content.FOREIGN, "a config.json that no run wrote")


@pytest.mark.parametrize("others", [(), (run.METRICS,), (run.CHECKPOINT,)])
def test_a_log_of_another_program_is_no_run(tmp_path: Path, others: tuple[str, ...]) -> None:
    (tmp_path / run.LOG).write_text("2026-11-28 18:59:03,123 INFO bert.train: run folder of common.pixels\n")
    for name in others:
        (tmp_path / name).touch()
    assert read_state(tmp_path) == RunState(Content.FOREIGN, "a run.log that no run wrote")


@pytest.mark.parametrize("name", [*sorted({*run.REPLACEABLE} - {run.CONFIG, run.LOG}), run.TENSORBOARD])
def test_names_that_other_programs_use_make_no_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir() if name == run.TENSORBOARD else (tmp_path / name).touch()
    assert read_state(tmp_path) == RunState(Content.FOREIGN, f"{name}, but neither config.json nor run.log of a run")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunFolderError, match="run is a file; give --run-dir a folder"):
        read_state(tmp_path / "run")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(
        RunFolderError, match=r"link is a link to \S+/gone, which does not exist; give --run-dir a folder"
    ):
        read_state(tmp_path / "link")
