"""The files of a run folder; output folders: older results stay, or are replaced on request, and nothing else is."""

import os
import subprocess
from pathlib import Path

import pytest

from common.errors import OutputError, RunFolderError
from common.files.atomic import HOST
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.folder import (
    check_output_folder,
    open_output_folder,
    read_config,
    write_config,
)
from common.runs.locks.watchdog import Watchdog
from tests.support.permissions import without_permission
from tests.support.run_folders import write_run

RESULTS = ("metrics.csv", "*-errors.png")


def names(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def test_each_file_of_a_run_is_known(tmp_path: Path) -> None:
    for name in (*run.REPLACEABLE, run.LOCK, f"{run.LOCK}.claim.0123", ".node7.4711.partial.checkpoint.h5"):
        (tmp_path / name).touch()
    Watchdog(tmp_path / run.RANKS, 0, 2, 1.0).begin()
    (tmp_path / run.TENSORBOARD / "train").mkdir(parents=True)
    (tmp_path / run.TENSORBOARD / "train" / "events.1").touch()
    assert (tmp_path / run.RANKS / "0").read_text()
    assert all(run.is_of_a_run(path) for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "thesis.tex",
        "run.lock.txt",
        "run.lock/a",
        "tensorboard/thesis.tex",
        "ranks/thesis.tex",
        "ranks/0",
        "ranks/0/a",
        "run.log/a",
    ],
)
def test_other_files_are_not_of_a_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("years of work")
    assert not run.is_of_a_run(tmp_path / Path(name).parts[0])


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


@pytest.mark.parametrize("name", ["filled", "file", "file/below"])
def test_a_check_raises_the_error_of_opening_an_output_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "metrics.csv").write_text("x")
    with pytest.raises(OutputError) as checked:
        check_output_folder(tmp_path / name, False)
    with pytest.raises(OutputError) as opened:
        open_output_folder(tmp_path / name, False, RESULTS)
    assert str(checked.value) == str(opened.value)


def test_a_run_folder_is_no_output_folder(tmp_path: Path) -> None:
    write_config(tmp_path, RunConfig())
    (tmp_path / run.METRICS).write_text("of the run")
    with pytest.raises(OutputError, match="is a run folder, which holds files of its run only; give another --output"):
        open_output_folder(tmp_path, True, RESULTS)
    assert (tmp_path / run.METRICS).exists()


@pytest.mark.parametrize("text", ['{"model_type": "bert"}', "[]", "{"])
def test_a_folder_of_another_program_is_no_run_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / run.CONFIG).write_text(text)
    (tmp_path / "model.safetensors").touch()
    open_output_folder(tmp_path, True, RESULTS)
    assert (tmp_path / run.CONFIG).read_text() == text


def test_a_run_folder_with_a_damaged_config_stays_one(tmp_path: Path) -> None:
    (write_run(tmp_path) / run.CONFIG).write_text("{")
    with pytest.raises(OutputError, match="is a run folder"):
        check_output_folder(tmp_path, True)


def test_a_run_folder_whose_config_is_a_link_to_nowhere_stays_one(tmp_path: Path) -> None:
    (write_run(tmp_path) / run.CONFIG).unlink()
    assert not run.is_run_folder(tmp_path)
    (tmp_path / run.CONFIG).symlink_to("gone")
    assert run.is_run_folder(tmp_path)


def test_a_check_of_an_output_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("x")
    check_output_folder(tmp_path, True)
    check_output_folder(tmp_path / "new", False)
    assert names(tmp_path) == {"metrics.csv"}


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


@pytest.mark.parametrize("below", ["", "results"])
def test_a_link_to_nowhere_is_not_an_output_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"is a link to \S+/nowhere, which does not exist; give another --output"):
        open_output_folder(tmp_path / "link" / below, True, RESULTS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_folder_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        open_output_folder(tmp_path, False, RESULTS)


@pytest.mark.parametrize(
    ("name", "reason"), [("a.h5", "is a file"), ("none", "does not exist"), (".", "has no config.json")]
)
def test_a_folder_without_a_run(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "a.h5").touch()
    with pytest.raises(RunFolderError, match=f"{reason}; give the folder that a training run wrote"):
        read_config(tmp_path / name)


def test_a_config_that_the_system_refuses_is_not_called_damaged(tmp_path: Path) -> None:
    write_config(tmp_path, RunConfig())
    with (
        without_permission(tmp_path / run.CONFIG),
        pytest.raises(
            RunFolderError, match=r"config\.json cannot be read \(Permission denied\); check its permissions\.$"
        ),
    ):
        read_config(tmp_path)
