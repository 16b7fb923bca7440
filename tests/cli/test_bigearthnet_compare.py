"""`bigearthnet-compare`: classifiers trained with equal settings, one table with verdicts, and bad input."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bigearthnet import compare
from bigearthnet.evaluation import cost
from bigearthnet.evaluation.tables import read_metrics
from common.runs import folder as run
from common.studies.scores import read_scores
from common.training.history import read_history
from tests.support.commands import check_fails
from tests.support.made_patches import split_names, write_made

pytestmark = pytest.mark.usefixtures("tiny_classifier", "unpainted")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared file of 8 training, 5 validation and 9 test patches. Do not change it."""
    return write_made(tmp_path_factory.mktemp("data") / "made.h5", split_names(8, 5, 9))


def words(data: Path, output: Path, *more: object) -> list[str]:
    """Command line of a comparison that takes seconds."""
    settings = ["--model", "small", "--epochs", 1, "--batch-size", 4, "--log-level", "ERROR"]
    return [str(word) for word in ("--data", data, "--output", output, *settings, *more)]


@pytest.mark.usefixtures("line_after_each_piece")
def test_classifiers_are_trained_with_equal_settings_and_compared(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run; then resumed with a second band set and a second seed; other patches are refused."""
    monkeypatch.setattr(cost, "TIMED_PATCHES", 1)
    output = tmp_path / "out"
    assert compare.main(words(data, output, "--band-sets", "rgb", "--stage", tmp_path / "stage")) == 0
    assert len(list((tmp_path / "stage").glob("*.staged.h5"))) == 1
    assert "no difference is judged" in capsys.readouterr().out
    first = output / "runs" / "small-rgb-seed0"
    before = read_history(first / run.HISTORY, 9)
    more = ("--band-sets", "rgb", "10m", "--seeds", 0, 1, "--resume")
    assert compare.main(words(data, output, *more, "--log-level", "INFO")) == 0
    assert read_history(first / run.HISTORY, 9) == before
    printed, log = capsys.readouterr()
    assert "predicting test patches with small-10m-seed1: 9 of 9 patches, " in log
    assert "small, 10m and small, rgb: no difference in AP macro, tested classes seen" in printed
    assert "| small, rgb | 2 |" in (output / "comparison.md").read_text()
    assert "small, 10m" in (output / "report.html").read_text() and (output / "verdicts.png").exists()
    check_scores(output)
    check_equal_settings(output)
    other = write_made(tmp_path / "other.h5", split_names(8, 5, 9), seed=1)
    capsys.readouterr()
    assert compare.main(words(other, output, *more)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"WeightsError: \S+ was made with patches \w+, this run has \w+; ", line), line


def check_scores(output: Path) -> None:
    """Assert that the scores of all runs are those that their trainings wrote."""
    scores = {
        (one.label, one.seed, one.metric): one.value
        for one in read_scores(output / "scores.csv")
        if one.unit == "test patches"
    }
    for bands in ("rgb", "10m"):
        for seed in (0, 1):
            rows = read_metrics(output / "runs" / f"small-{bands}-seed{seed}" / run.METRICS)
            for row in rows:
                if row.name == "all" and (f"small, {bands}", seed, row.metric) in scores:
                    assert scores[f"small, {bands}", seed, row.metric] == pytest.approx(row.value, abs=1e-6)
    assert len({value for (_, _, metric), value in scores.items() if metric == "ap_micro"}) == 4  # all runs differ


def check_equal_settings(output: Path) -> None:
    """Assert that runs differ in bands and seed only."""
    settings = [run.read_config(folder)["settings"] for folder in sorted((output / "runs").iterdir())]
    assert len(settings) == 4
    assert len({json.dumps({**one, "bands": "", "seed": 0}) for one in settings}) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ("--study", "bands", "--seeds", 1),
            r"SettingError: --study bands judges differences by their spread .* one seed; .*",
        ),
        (("--study", "sentinel1"), r"SettingError: \S+made\.h5 holds no Sentinel-1, which --bands s1 needs; .*"),
        (("--study", "superres-input"), r"SettingError: --study superres-input compares two prepared files, .*"),
        (("--quick",), r"SettingError: --quick is the short form of a study; .*"),
        (("--dropout", 1), r"SettingError: --dropout must be at least 0 and below 1; got 1\.0\."),
        (("--resume", "--overwrite"), r"SettingError: --resume continues a run, and --overwrite replaces it; .*"),
    ],
)
def test_bad_input(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture, options: tuple, message: str) -> None:
    check_fails(compare.main, capfd, message, words(data, tmp_path / "out", *options))
    assert not any(tmp_path.iterdir())


def test_folder_that_holds_something(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    message = r"OutputError: \S+ is not empty; continue with --resume, give another --output, or replace its .*"
    check_fails(compare.main, capfd, message, words(data, tmp_path))


def test_help_has_an_example() -> None:
    example = compare.build_parser().epilog.split("bigearthnet/compare.py ")[1].split()
    assert compare.build_parser().parse_args(example).study == "bands"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_chain_about_super_resolved_input_runs_by_itself(tmp_path: Path) -> None:
    """On the sample, with the published weights of superres-predict."""
    command = [
        sys.executable,
        "bigearthnet/compare.py",
        "--study",
        "superres-input",
        "--quick",
        "--output",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Its numbers mean nothing." in done.stdout
    assert {score.label for score in read_scores(tmp_path / "scores.csv")} == {
        "native",
        "bilinear",
        "bicubic",
        "super-resolved",
    }
