"""The checks before an evaluation."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.evaluation.options import EvaluationOptions
from bigearthnet.evaluation.plan import EvaluationPlan, prepare_evaluation
from common.errors import OutputError, PatchFileError, RunFolderError, SettingError
from tests.support.made_patches import CLASSES, split_names, write_made
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared file without validation patches, and runs of two band sets."""
    write_made(tmp_path / "made.h5", split_names(2, 0, 3))
    for bands in ("s2", "rgb"):
        write_classifier(tmp_path / bands, bands)
    return tmp_path


def plan(folder: Path, *runs: str, **options: object) -> EvaluationPlan:
    settings = {"data": folder / "made.h5", "output": folder / "out", **options}
    return prepare_evaluation(EvaluationOptions(run_folders=tuple(folder / run for run in runs), **settings))


def test_rows_of_the_split_and_classifiers_by_name(folder: Path) -> None:
    planned = plan(folder, "rgb", "s2", "rgb", split="train")  # a run that is given twice counts once
    np.testing.assert_array_equal(planned.rows, [0, 1])
    assert list(planned.classifiers) == ["small-rgb", "small-s2"]
    assert (planned.data, planned.split) == (folder / "made.h5", "train")
    assert not (folder / "out").exists()


def test_split_without_patches(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"made\.h5 has no patch of split val; choose another --split, or prepare"):
        plan(folder, "s2", split="val")


def test_batch_size_below_one(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"--batch-size must be above 0; got 0\."):
        plan(folder, "s2", batch_size=0)


def test_output_that_holds_something(folder: Path) -> None:
    with pytest.raises(OutputError, match=r"is not empty; give another --output"):
        plan(folder, "s2", output=folder)


def test_output_in_a_run_folder(folder: Path) -> None:
    with pytest.raises(
        OutputError, match=r"rgb is a run folder, which holds files of its run only; give another --output"
    ):
        plan(folder, "s2", "rgb", output=folder / "s2" / ".." / "rgb")


def test_file_that_is_missing(folder: Path) -> None:
    with pytest.raises(PatchFileError, match=r"none\.h5 does not exist"):
        plan(folder, "s2", data=folder / "none.h5")


def test_run_that_does_not_fit_the_file(folder: Path) -> None:
    write_classifier(folder / "other", class_names=CLASSES[:4])
    with pytest.raises(RunFolderError, match=r"other was trained on 4 classes"):
        plan(folder, "s2", "other")


def test_runs_that_have_the_same_name(folder: Path) -> None:
    write_classifier(folder / "again" / "s2", "s2")
    with pytest.raises(SettingError, match="have the same name; rename one of them"):
        plan(folder, "s2", "again/s2")
