"""The folder of a comparison: of one study, and of runs that differ in nothing but what is varied."""

from pathlib import Path

import pytest

from common.errors import OutputError, RunFolderError, SettingError
from common.runs.config import RunConfig
from common.runs.folder import write_config
from common.studies.folder import RECORD, open_comparison, require_equal_runs
from common.studies.options import StudyOptions
from common.studies.study import Study
from common.studies.variants import Variant, vary

STUDY = Study("optimizers", "Which optimizer?", {"nadam": {}, "sgd": {"optimizer": "sgd"}}, "nadam", ("rmse",))


def options(folder: Path, **more: object) -> StudyOptions:
    return StudyOptions(**{"study": STUDY, "quick": False, "seeds": (0, 1), "folder": folder, **more})


def write_runs(folder: Path, variants: list[Variant], patches: str = "12ab", **settings: object) -> None:
    for variant in variants:
        run_folder = variant.folder(folder)
        run_folder.mkdir(parents=True)
        config = RunConfig(**{**settings, **variant.own_settings})
        write_config(run_folder, config, patch_files={"/scratch/a.h5": patches})


def test_a_folder_is_opened_once_and_resumed_for_its_own_study_only(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    open_comparison(options(folder), ["scores.csv"])
    with pytest.raises(OutputError, match="is not empty; continue with --resume, give another --output, or replace"):
        open_comparison(options(folder), ["scores.csv"])
    open_comparison(options(folder, resume=True, seeds=(0, 1, 2)), ["scores.csv"])
    for more in ({"study": None}, {"quick": True}):
        with pytest.raises(SettingError, match="holds --study optimizers, and this command asks for"):
            open_comparison(options(folder, resume=True, **more), ["scores.csv"])
    (folder / "scores.csv").write_text("old")
    open_comparison(options(folder, overwrite=True, study=None), ["scores.csv"])
    assert not (folder / "scores.csv").exists()
    open_comparison(options(folder, resume=True, study=None), ["scores.csv"])


def test_a_folder_of_something_else_is_not_continued(tmp_path: Path) -> None:
    """A folder with runs and no record is one that an older version made."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="holds other files and no comparison to continue; give the --output of"):
        open_comparison(options(tmp_path, resume=True), [])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "runs").mkdir()
    open_comparison(options(tmp_path, resume=True), [])
    (tmp_path / "empty").mkdir()
    open_comparison(options(tmp_path / "empty", resume=True), [])


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_damaged_record_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(RunFolderError, match=f"{RECORD} cannot be read"):
        open_comparison(options(tmp_path, resume=True), [])


def test_runs_may_differ_in_what_is_varied_and_where_files_are(tmp_path: Path) -> None:
    variants = vary(STUDY.varied, (0, 1))
    write_runs(tmp_path, variants[:2], checkpoint_minutes=3)
    write_runs(tmp_path, variants[2:])
    require_equal_runs(variants, tmp_path)


def test_unequal_settings_are_one_line_with_both_values(tmp_path: Path) -> None:
    variants = vary(STUDY.varied, (0,))
    write_runs(tmp_path, variants[:1], learning_rate=1e-3)
    write_runs(tmp_path, variants[1:])
    with pytest.raises(RunFolderError, match=r"--learning-rate is 0.001 in one and 0.0001 in the other"):
        require_equal_runs(variants, tmp_path)


def test_unequal_data_are_one_line_unless_the_study_varies_them(tmp_path: Path) -> None:
    variants = vary(STUDY.varied, (0, 1))
    write_runs(tmp_path, variants[:2], "12ab")
    write_runs(tmp_path, variants[2:], "34cd")
    with pytest.raises(RunFolderError, match=r"nadam-seed0 and .*sgd-seed0 were trained on different patches"):
        require_equal_runs(variants, tmp_path)
    require_equal_runs(variants, tmp_path, ["optimizer"])  # as if the optimizer chose the patches
    write_runs(tmp_path, vary(STUDY.varied, (2,))[1:], "56ef")
    with pytest.raises(RunFolderError, match=r"sgd-seed0 and .*sgd-seed2 were trained on different patches"):
        require_equal_runs([*variants, vary(STUDY.varied, (2,))[1]], tmp_path, ["optimizer"])
