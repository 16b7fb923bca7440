"""The command `bigearthnet-evaluate` on runs that took a second."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bigearthnet import evaluate
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.prediction.probabilities import predict_images
from bigearthnet.prediction.trained import read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from common.metrics.multilabel import classification_metrics
from common.runs import folder as run
from tests.support.commands import check_fails
from tests.support.made_patches import CLASSES, split_names, write_made

pytestmark = pytest.mark.usefixtures("tiny_classifier")


def command_line(folder: Path, output: Path, *runs: str, data: str = "made.h5") -> list[str]:
    return ["--data", str(folder / data), "--run-dir", *(str(folder / name) for name in runs), "--output", str(output)]


def test_help(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(["--help"])
    assert stopped.value.code == 0
    example = capsys.readouterr().out.split("example:\n")[1]
    assert evaluate.build_parser().parse_args(example.split()[2:]).output  # a command line that parses


def test_tables_and_figures(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    assert evaluate.main(command_line(tiny_runs, tmp_path / "out", "s2", "rgb")) == 0
    printed = capfd.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {
        "metrics.csv",
        "metrics.md",
        "report.html",
        "f1.png",
        "ap.png",
        "precision_recall.png",
        "cooccurrence.png",
    } <= names
    assert any(name.startswith("mistakes-small-") for name in names)  # eight patches teach little
    assert "| small-s2 |" in printed and printed.startswith("# Classification of 9 test patches")
    assert printed.split("\n\n")[2] in (tmp_path / "out" / "metrics.md").read_text()
    rows = read_metrics(tmp_path / "out" / "metrics.csv")
    assert {row.method for row in rows} == {"small-s2", "small-rgb"}
    assert [row for row in rows if row.method == "small-s2"] == read_metrics(tiny_runs / "s2" / run.METRICS)


def test_scores_are_those_of_the_stored_thresholds(tiny_runs: Path, tmp_path: Path) -> None:
    assert evaluate.main([*command_line(tiny_runs, tmp_path / "out", "s2"), "--split", "val"]) == 0
    trained, file = read_trained(tiny_runs / "s2"), BigEarthNetFile(tiny_runs / "made.h5")
    rows = np.flatnonzero(file.splits == "val")
    patches = file.read(rows, ("s2_10m", "s2_20m", "s2_60m"))
    probabilities = predict_images(trained.build(), patches, batch_size=4)
    expected = classification_metrics(file.labels[rows], probabilities, trained.thresholds, CLASSES)
    written = {row[2:4]: row.value for row in read_metrics(tmp_path / "out" / "metrics.csv")}
    for row in expected:
        assert written[row.name, row.metric] == pytest.approx(row.value, abs=1e-6)
    for name, threshold in zip(CLASSES, trained.thresholds, strict=True):
        assert written[name, "threshold"] == threshold


def test_bad_input(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_runs, copy)
    out = tmp_path / "out"
    other = write_made(copy / "other.h5", split_names(2, 2, 2), classes=CLASSES[::-1])
    check_fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+s2 was trained on 9 classes from 'Pastures' on, \S+other\.h5 "
        r"holds 9 classes from 'Twin of coniferous forest' on; .*",
        command_line(copy, out, "s2", data=other.name),
    )
    write_made(copy / "untested.h5", split_names(2, 2, 0))
    check_fails(
        evaluate.main,
        capfd,
        r"SettingError: \S+ has no patch of split test; .*",
        command_line(copy, out, "s2", data="untested.h5"),
    )
    check_fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+none does not exist; give the folder that a .*",
        command_line(copy, out, "none"),
    )
    check_fails(
        evaluate.main,
        capfd,
        r"OutputError: \S+s2 is a run folder, which holds files of its run only; give another --output\.",
        [*command_line(copy, copy / "s2", "s2"), "--overwrite"],
    )
    (copy / "rgb" / run.THRESHOLDS).unlink()
    check_fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+rgb has no thresholds\.csv: its training is not over; .*",
        command_line(copy, out, "rgb"),
    )
    (copy / "s2" / run.WEIGHTS).write_bytes(b"nothing")
    check_fails(
        evaluate.main,
        capfd,
        r"WeightsError: \S+best\.weights\.h5 does not hold weights of small \(.*\); give weights of the same network, .*",
        command_line(copy, out, "s2"),
    )
    (copy / "rgb" / run.CONFIG).write_text("[]")
    check_fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+ cannot be read \(it has no settings\); .*",
        command_line(copy, out, "rgb"),
    )
    config = json.loads((copy / "s2" / run.CONFIG).read_text()) | {"application": "superres"}
    (copy / "s2" / run.CONFIG).write_text(json.dumps(config))
    check_fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+s2 holds no run of bigearthnet-train; .*",
        command_line(copy, out, "s2"),
    )
    assert not out.exists()


def test_nothing_is_overwritten(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("my own")
    arguments = command_line(tiny_runs, tmp_path / "out", "s2")
    check_fails(evaluate.main, capfd, r"OutputError: \S+out is not empty; .*", arguments)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_damaged_weights_leave_older_results(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.copytree(tiny_runs / "s2", tmp_path / "s2")
    (tmp_path / "s2" / run.WEIGHTS).write_bytes(b"nothing")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.csv").write_text("older")
    arguments = ["--data", tiny_runs / "made.h5", "--run-dir", tmp_path / "s2", "--output", tmp_path / "out"]
    check_fails(evaluate.main, capfd, r"WeightsError: .*", [*arguments, "--overwrite"])
    assert (tmp_path / "out" / "metrics.csv").read_text() == "older"
