"""The command `bigearthnet-train`: from a prepared file to a run folder, and its messages on bad input."""

import csv
import json
import re
import shutil
from pathlib import Path

import h5py
import pytest

from bigearthnet import train
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.networks.catalogue import NETWORKS
from bigearthnet.prediction.thresholds import read_thresholds
from common.runs import folder as run
from tests.support.commands import check_fails
from tests.support.made_patches import CLASSES, split_names, tiny_network, write_made
from tests.support.stopped_training import signal_in_step
from tests.support.tiny_training import command_line
from tests.support.training_bench import assert_same_runs

pytestmark = pytest.mark.usefixtures("tiny_classifier")
HISTORY_COLUMNS = {
    "epoch",
    "loss",
    "val_loss",
    "val_f1_micro",
    "val_f1_macro",
    "val_ap_macro",
    "learning_rate",
    "seconds",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared file of 12 training, 6 validation and 5 test patches. Do not change it."""
    return write_made(tmp_path_factory.mktemp("data") / "made.h5", split_names(12, 6, 5))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of three epochs. Do not change it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", tiny_network)
        assert train.main(words(data, folder, epochs=3)) == 0
    return folder


def words(data: Path, folder: Path, *flags: str, **settings: object) -> list[str]:
    """Command line of a run that takes a second or two."""
    options = {
        "data": data,
        "run_dir": folder,
        "model": "small",
        "bands": "s2",
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 0.01,
        "warmup_epochs": 0,
        "dropout": 0.2,
        "sampling": "balanced",
        "best_by": "ap_macro",
        **settings,
    }
    return [*flags, *command_line(options)]


@pytest.mark.parametrize(
    "option, end",
    [
        ("--help", r"example:\n  mpirun -np 2 python bigearthnet/train\.py --data .*\n"),
        ("--version", r"jeoparda \S+\n"),
    ],
)
def test_help_and_version(option: str, end: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main([option])
    assert stopped.value.code == 0
    assert re.search(rf"{end}\Z", capsys.readouterr().out)


def test_run_folder(finished: Path, data: Path) -> None:
    held = {path.name for path in finished.iterdir()}
    assert held == {
        run.CONFIG,
        run.HISTORY,
        run.WEIGHTS,
        run.CHECKPOINT,
        run.PREVIOUS_CHECKPOINT,
        run.LOG,
        run.CURVES,
        run.METRICS,
        run.METRIC_BARS,
        run.THRESHOLDS,
        run.CARD,
        run.TENSORBOARD,
    }
    config = json.loads((finished / run.CONFIG).read_text())
    assert config["application"] == "bigearthnet"
    assert config["class_names"] == list(CLASSES)
    assert config["image_shapes"]["s2_20m"] == [60, 60, 6]
    assert config["settings"]["sync_batch_norm"] is False
    with open(finished / run.HISTORY, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and set(rows[0]) == HISTORY_COLUMNS
    assert [threshold.name for threshold in read_thresholds(finished / run.THRESHOLDS)] == list(CLASSES)
    rows = read_metrics(finished / run.METRICS)
    assert {(row.split, row.method) for row in rows} == {("test", "small-s2")}
    assert {row.name for row in rows} == {"all", *CLASSES}
    card = (finished / run.CARD).read_text()
    (f1,) = [row.value for row in rows if (row.name, row.metric) == ("all", "f1_micro")]
    assert f"On 5 test patches, with the chosen thresholds (`{run.METRICS}` has each class)" in card
    assert f"| F1 micro | {f1:.3f} |" in card
    assert "On 6 validation patches: f1 micro" in card


@pytest.mark.usefixtures("unpainted")
def test_resumed_run_goes_on_exactly(finished: Path, data: Path, tmp_path: Path) -> None:
    """Inside an epoch, with its running sums and moving statistics; after the resumption, from a staged file."""
    with signal_in_step(5):
        assert train.main(words(data, tmp_path / "run", epochs=3)) == 75
    with h5py.File(tmp_path / "run" / run.CHECKPOINT) as file:
        assert (file.attrs["epoch"], file.attrs["patches"], len(file["statistics"]) > 0) == (1, 8, True)
    assert train.main(words(data, tmp_path / "run", "--resume", epochs=3, stage=tmp_path / "stage")) == 0
    assert len(list((tmp_path / "stage").iterdir())) == 1
    assert_same_runs(finished, tmp_path / "run")


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    "settings",
    [
        {"bands": "rgb", "loss": "asymmetric", "optimizer": "sgd", "precision": "float16"},
        {"bands": "10m", "loss": "weighted", "schedule": "cosine", "precision": "bfloat16"},
        {"bands": "10bands", "recipe": "reben", "sampling": "shuffled", "best_by": "loss"},
    ],
    ids=lambda settings: settings["bands"],
)
def test_settings_that_train(data: Path, tmp_path: Path, settings: dict) -> None:
    assert train.main(words(data, tmp_path / "run", "--sync-batch-norm", **settings)) == 0
    assert json.loads((tmp_path / "run" / run.CONFIG).read_text())["settings"]["sync_batch_norm"] is True


@pytest.mark.usefixtures("unpainted")
def test_settings_that_train_with_sentinel_1(tmp_path: Path) -> None:
    data = write_made(tmp_path / "made.h5", split_names(4, 2, 0), with_s1=True)
    settings = {"bands": "s1s2", "loss": "focal", "gamma": 1, "resampling": "stem"}
    assert train.main(words(data, tmp_path / "run", "--sync-batch-norm", **settings)) == 0
    assert (tmp_path / "run" / run.THRESHOLDS).exists()
    assert not (tmp_path / "run" / run.METRICS).exists()  # there are no test patches


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("epochs", 0, r"--epochs must be above 0; got 0\."),
        ("gamma", -1, r"--gamma must be at least 0; got -1\.0\."),
        ("gamma", 2, r"--gamma is for the losses focal and asymmetric; got --loss bce\."),
        ("margin", 1, r"--margin must be at least 0 and below 1; got 1\.0\."),
        ("momentum", 1, r"--momentum must be at least 0 and below 1; got 1\.0\."),
        ("weight_decay", "nan", r"--weight-decay must be at least 0; got nan\."),
    ],
)
def test_values_out_of_range(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture, name: str, value: object, message: str
) -> None:
    check_fails(train.main, capfd, f"SettingError: {message}", words(data, tmp_path / "run", **{name: value}))
    assert not (tmp_path / "run").exists()


def test_bands_that_the_file_does_not_hold(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    check_fails(
        train.main,
        capfd,
        r"SettingError: \S+made\.h5 holds no Sentinel-1, which --bands s1 needs; .*",
        words(data, tmp_path / "run", bands="s1"),
    )


@pytest.mark.parametrize(
    "splits, message",
    [
        (split_names(2, 0, 1), r"SettingError: \S+ has no patch of split val, to choose weights and thresholds on; .*"),
        (split_names(0, 2, 1), r"SettingError: \S+ has no patch of split train, to train on; .*"),
    ],
)
def test_split_that_is_empty(tmp_path: Path, capfd: pytest.CaptureFixture, splits: list[str], message: str) -> None:
    data = write_made(tmp_path / "made.h5", splits)
    check_fails(train.main, capfd, message, words(data, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_file_that_is_not_there_or_of_another_schema(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    check_fails(
        train.main,
        capfd,
        r"PatchFileError: \S+none\.h5 does not exist; .*",
        words(tmp_path / "none.h5", tmp_path / "run"),
    )
    other = shutil.copy(data, tmp_path / "other.h5")
    with h5py.File(other, "r+") as file:
        file.attrs["schema_version"] = 99
    check_fails(
        train.main,
        capfd,
        r"PatchFileError: \S+other\.h5 has schema 99, this code reads 2; .*",
        words(other, tmp_path / "run"),
    )


@pytest.mark.usefixtures("unpainted")
def test_run_folder_that_holds_something(
    finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    check_fails(train.main, capfd, r"RunFolderError: \S+run holds \S.*", words(data, tmp_path / "run"))
    assert train.main(words(data, tmp_path / "run", "--overwrite")) == 0


def test_run_of_the_other_application(finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.copytree(finished, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace('"bigearthnet"', '"superres"'))
    check_fails(
        train.main,
        capfd,
        r"RunFolderError: \S+run holds a run of superres-train, and this is bigearthnet-train; resume it with its own .*",
        words(data, tmp_path / "run", "--resume"),
    )


def test_checkpoint_of_other_settings(finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.copytree(finished, tmp_path / "run")
    check_fails(
        train.main,
        capfd,
        r"WeightsError: \S+ was made with --bands s2, this run has rgb; .*",
        words(data, tmp_path / "run", "--resume", bands="rgb"),
    )
    other = write_made(tmp_path / "made.h5", split_names(12, 6, 5), seed=1)
    check_fails(
        train.main,
        capfd,
        r"WeightsError: \S+ was made with patches \w+, this run has \w+; .*",
        words(other, tmp_path / "run", "--resume"),
    )
