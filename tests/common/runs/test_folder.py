"""Run folders and output folders: older results stay, or are replaced on request, and nothing else is."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from common.errors import OutputError, RunFolderError
from common.files.atomic import HOST
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.folder import (
    RunLocation,
    check_run_folder,
    create_run_folder,
    open_output_folder,
    open_run_folder,
    read_config,
    write_config,
)
from tests.support.permissions import without_permission

RESULTS = ("metrics.csv", "*-errors.png")


def finished_run(folder: Path) -> Path:
    """Make a folder with every file of a run."""
    folder.mkdir()
    for name in run.FILES:
        (folder / name).write_text(name)
    (folder / run.TENSORBOARD / "train").mkdir(parents=True)
    (folder / run.TENSORBOARD / "train" / "events.1").touch()
    return folder


def names(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_new_run_folder_is_made_empty(tmp_path: Path) -> None:
    assert create_run_folder(tmp_path / "runs" / "first", "name", overwrite=False) == tmp_path / "runs" / "first"
    assert list((tmp_path / "runs" / "first").iterdir()) == []
    create_run_folder(tmp_path / "runs" / "first", "name", overwrite=False)  # an empty folder may be used


def test_without_a_name_each_run_has_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = (create_run_folder(None, "superres-dsen2-20m", overwrite=False) for _ in range(2))
    assert first != second
    assert re.fullmatch(r"runs/superres-dsen2-20m-\d{8}-\d{6}-\d{6}", str(first))
    assert first.is_dir()


def test_a_finished_run_stays_unless_it_is_overwritten(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match="is not empty; continue with --resume, or replace it with --overwrite"):
        create_run_folder(folder, "name", overwrite=False)
    assert names(folder) == {*run.FILES, run.TENSORBOARD}
    create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == set()


def test_overwrite_keeps_a_folder_with_other_files(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"holds thesis\.tex, which no run writes; --overwrite does not replace"):
        create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == {*run.FILES, run.TENSORBOARD, "thesis.tex"}


def test_overwrite_keeps_a_tensorboard_folder_with_other_files(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    (folder / run.TENSORBOARD / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="holds tensorboard, which no run writes"):
        create_run_folder(folder, "name", overwrite=True)
    assert (folder / run.TENSORBOARD / "thesis.tex").exists()


def test_overwrite_deletes_partial_files(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run")
    (folder / ".node7.4711.partial.checkpoint.h5").touch()
    create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == set()


def test_a_file_is_not_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="is a file; give --run-dir a folder"):
            create_run_folder(tmp_path / "run", "name", overwrite)
    with pytest.raises(OutputError, match=r"cannot write to run folder .*; give another --run-dir"):
        create_run_folder(tmp_path / "run" / "first", "name", overwrite=False)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", ["nothing", "run", "foreign"])
def test_the_check_raises_the_errors_of_opening_and_changes_nothing(
    tmp_path: Path, resume: bool, overwrite: bool, content: str
) -> None:
    folder = tmp_path / "run"
    if content != "nothing":
        finished_run(folder)
        write_config_of_run(folder)
    if content == "foreign":
        (folder / "thesis.tex").write_text("years of work")
    location = RunLocation(folder, resume, overwrite)
    before = names(folder) if folder.exists() else None
    errors = []
    for function in (check_run_folder, lambda location: open_run_folder(location, "name")):
        try:
            function(location)
            errors.append(None)
        except RunFolderError as error:
            errors.append(str(error))
        if function is check_run_folder:
            assert (names(folder) if folder.exists() else None) == before
    assert errors[0] == errors[1]


def write_config_of_run(folder: Path) -> None:
    """Replace `config.json` by a whole one."""
    (folder / run.CONFIG).unlink()
    write_config(folder, RunConfig())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_seen_before_the_run_folder_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"cannot write to run folder .*: Permission denied; give another --run-dir"):
        check_run_folder(RunLocation(tmp_path / "runs" / "first"))


def test_resume_needs_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(RunFolderError, match="--resume needs the folder of a run; give it with --run-dir"):
        open_run_folder(RunLocation(resume=True), "name")
    with pytest.raises(RunFolderError, match=r"has no config\.json; give the folder that a training run wrote"):
        open_run_folder(RunLocation(folder, resume=True), "name")
    assert open_run_folder(RunLocation(folder), "name") == folder
    write_config(folder, RunConfig())
    with pytest.raises(
        RunFolderError,
        match=r"has no checkpoint\.h5: no epoch was finished; start again with "
        r"--overwrite instead of --resume",
    ):
        open_run_folder(RunLocation(folder, resume=True), "name")
    (folder / run.CHECKPOINT).touch()
    assert open_run_folder(RunLocation(folder, resume=True), "name") == folder
    assert names(folder) == {run.CONFIG, run.CHECKPOINT}


def test_config_holds_settings_provenance_and_further_entries(tmp_path: Path) -> None:
    write_config(tmp_path, RunConfig(seed=7), patch_files={"a.h5": "12ab"})
    record = read_config(tmp_path)
    assert RunConfig.from_dict(record["settings"]) == RunConfig(seed=7)
    assert record["patch_files"] == {"a.h5": "12ab"}
    assert (record["ranks"], record["application"], record["earlier"]) == (1, "common", [])
    assert {"command", "created_utc", "code_revision", "versions"} <= record.keys()


def test_a_resumed_run_keeps_the_records_of_its_earlier_parts(tmp_path: Path) -> None:
    for seed in range(3):
        write_config(tmp_path, RunConfig(seed=seed))
    record = read_config(tmp_path)
    assert record["settings"]["seed"] == 2
    assert [earlier["settings"]["seed"] for earlier in record["earlier"]] == [0, 1]
    assert not any("earlier" in earlier for earlier in record["earlier"])


@pytest.mark.parametrize("text", ['{"settings": ', "[]", '{"settings": []}', '{"earlier": 5}', "[" * 9999, "\xff"])
def test_a_damaged_config_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / run.CONFIG).write_text(text, encoding="latin-1")
    with pytest.raises(RunFolderError, match=r"config\.json cannot be read \(.*\); train again, or restore it"):
        read_config(tmp_path)


def test_a_new_or_empty_output_folder_is_used(tmp_path: Path) -> None:
    for _ in range(2):
        open_output_folder(tmp_path / "a" / "b", False, RESULTS)
        assert names(tmp_path / "a" / "b") == set()


def test_results_stay_unless_they_are_overwritten(tmp_path: Path) -> None:
    for name in ("metrics.csv", "scene-errors.png", "scene-notes.png", ".host.1.partial.metrics.csv"):
        (tmp_path / name).write_text("x")  # the last one may be of a living process of another machine
    with pytest.raises(OutputError, match="is not empty; give another --output, or replace its results with --over"):
        open_output_folder(tmp_path, False, RESULTS)
    assert len(names(tmp_path)) == 4
    open_output_folder(tmp_path, True, RESULTS)
    assert names(tmp_path) == {"scene-notes.png", ".host.1.partial.metrics.csv"}


def test_what_a_killed_process_left_is_no_result(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        (tmp_path / f".{HOST}.{ended.pid}.partial.metrics.csv").touch()
    (tmp_path / ".host.1.partial.metrics.csv").touch()
    open_output_folder(tmp_path, False, RESULTS)
    assert names(tmp_path) == {".host.1.partial.metrics.csv"}


@pytest.mark.parametrize("below", ["", "results"])
def test_a_file_is_not_an_output_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="it, or a folder above it, is a file; give another --output"):
        open_output_folder(tmp_path / "file" / below, True, RESULTS)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_folder_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        open_output_folder(tmp_path, False, RESULTS)


def test_a_config_that_the_system_refuses_is_not_called_damaged(tmp_path: Path) -> None:
    write_config(tmp_path, RunConfig())
    with (
        without_permission(tmp_path / run.CONFIG),
        pytest.raises(
            RunFolderError, match=r"config\.json cannot be read \(Permission denied\); check its permissions\.$"
        ),
    ):
        read_config(tmp_path)
