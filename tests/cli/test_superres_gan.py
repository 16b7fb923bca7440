"""`superres-train --model gan`: what it leaves, how it is resumed, and what it says to bad input."""

import csv
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import SettingError
from common.runs import folder as run
from superres import train
from superres.networks.catalogue import NETWORKS
from superres.networks.trained import read_trained
from superres.training.config import SuperresConfig
from superres.training.fit import build_model
from tests.support.tiny_training import TILES, command_line, tiny_network, write_scenes

HISTORY_COLUMNS = {
    *("epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds"),
    *("content_loss", "adversarial_loss", "discriminator_loss", "discriminator_accuracy"),
    *("adversarial_weight", "collapsed"),
}
GROUPS = {"weights", "optimizer", "average", "discriminator", "discriminator_optimizer"}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two scenes."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def words(tiles: Path, folder: Path, *flags: str, **settings: object) -> list[str]:
    """Command line of a run that takes seconds."""
    options = {
        "tiles": tiles,
        "model": "gan",
        "run_dir": folder / "run",
        "patch_cache": tiles.parent / "patches",
        "patches_per_tile": 8,
        "epochs": 1,
        "batch_size": 4,
        "pretrain_epochs": 0,
        "adversarial_weight": 0.1,
        "learning_rate": 1e-3,
        **settings,
    }
    return [*flags, *command_line(options)]


@pytest.fixture(scope="module")
def finished(tiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of one epoch. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        assert train.main(words(tiles, folder)) == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def read_table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def error_of(capfd: pytest.CaptureFixture, argv: list[str]) -> str:
    """The one line that a command which fails leaves on stderr, besides log messages."""
    capfd.readouterr()
    assert train.main(argv) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line)]
    assert len(lines) == 1, lines
    return lines[0]


def test_run_folder_holds_a_plain_generator(folder: Path) -> None:
    """The averaged one."""
    (row,) = read_table(folder / "run" / run.HISTORY)
    assert set(row) == HISTORY_COLUMNS
    trained = read_trained(str(folder / "run"))
    assert (trained.network_name, trained.title, trained.gsd) == ("dsen2", "gan", 20)
    with h5py.File(folder / "run" / run.CHECKPOINT) as file:
        assert set(file) == GROUPS
        for number, variable in enumerate(trained.build("float32").variables):
            np.testing.assert_array_equal(variable, file[f"average/{number}"])
            assert not np.array_equal(variable, file[f"weights/{number}"])


def test_resumed_run_goes_on_exactly(tiles: Path, folder: Path) -> None:
    """Both networks and optimizers, the average, and the weight, which is still rising."""
    test_tiles = write_scenes(folder / "test", tiles=TILES[2:], size=48)
    assert train.main(words(tiles, folder, "--resume", epochs=2, test_tiles=test_tiles)) == 0
    straight = folder / "straight"
    assert train.main(words(tiles, straight, epochs=2)) == 0
    with (
        h5py.File(folder / "run" / run.CHECKPOINT) as first,
        h5py.File(straight / "run" / run.CHECKPOINT) as second,
    ):
        for group in GROUPS:
            assert len(first[group]) == len(second[group]) > 0
            for number in first[group]:
                np.testing.assert_array_equal(first[group][number], second[group][number], err_msg=f"{group}/{number}")
    rows, others = (read_table(place / "run" / run.HISTORY) for place in (folder, straight))
    assert [{**row, "seconds": ""} for row in rows] == [{**row, "seconds": ""} for row in others]
    assert float(rows[0]["adversarial_weight"]) < float(rows[1]["adversarial_weight"]) < 0.1
    assert {row["method"] for row in read_table(folder / "run" / run.METRICS)} == {"bilinear", "bicubic", "gan"}


def test_attention_is_known_to_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    config = SuperresConfig(tiles="tiles.txt", model="gan", attention=True)
    run.write_config(tmp_path, config)
    build_model(config).average.save_weights(tmp_path / run.WEIGHTS)
    trained = read_trained(str(tmp_path))
    assert (trained.network_name, trained.title) == ("dsen2-attention", "gan")
    assert "attention" in {layer.name for layer in trained.build("float32").layers}


def test_resume_without_the_discriminator(tiles: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    with h5py.File(folder / "run" / run.CHECKPOINT, "a") as file:
        del file["discriminator"]
    weights = (folder / "run" / run.WEIGHTS).read_bytes()
    message = error_of(capfd, words(tiles, folder, "--resume", epochs=2))
    assert re.fullmatch(r"WeightsError: \S+checkpoint\.h5 holds no discriminator, only .*; restore it, or .*", message)
    assert (folder / "run" / run.WEIGHTS).read_bytes() == weights


def test_resume_with_another_loss(tiles: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    message = error_of(capfd, words(tiles, folder, "--resume", epochs=2, adversarial_loss="least-squares"))
    assert "was made with adversarial_loss relativistic, this run has least-squares; resume with" in message


def test_weights_of_another_network(tiles: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    settings = {"generator": "tiny", "init_weights": folder / "run"}
    for flags in ((), ("--attention",)):
        message = error_of(capfd, words(tiles, folder / "new", *flags, **settings))
        assert re.fullmatch(r"WeightsError: \S+ does not hold weights of tiny\S* .*; give weights of the .*", message)
    assert not (folder / "new").exists()


def test_unknown_generator(tiles: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    message = error_of(capfd, words(tiles, tmp_path, generator="srcnn"))
    assert re.fullmatch(r"SettingError: unknown network 'srcnn'; expected one of dsen2, .*", message)
    assert not (tmp_path / "run").exists()


def test_options_of_adversarial_training_without_it(tiles: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    message = error_of(capfd, ["--tiles", str(tiles), "--adversarial-weight", "1", "--run-dir", str(tmp_path / "run")])
    assert message == (
        "SettingError: --adversarial-weight is of --model gan alone, this run has --model dsen2; take one of them out."
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("adversarial_weight", -1.0, "--adversarial-weight must be at least 0; got -1.0."),
        ("spectral_weight", float("nan"), "--spectral-weight must be at least 0; got nan."),
        ("rmse_tolerance", 0.9, "--rmse-tolerance must be at least 1; got 0.9."),
        ("discriminator_learning_rate", 0.0, "--discriminator-learning-rate must be above 0; got 0.0."),
        ("average_decay", 1.0, "--average-decay must be at least 0 and below 1; got 1.0."),
        ("pretrain_epochs", 100.0, "--pretrain-epochs 100 leaves none of 100 epochs for adversarial training; .*"),
        ("adversarial_loss", "wasserstein", "--adversarial-loss must be one of .*; got 'wasserstein'."),
        ("generator", "gan", "unknown network 'gan'; expected one of dsen2, .*"),
        ("teacher", "dsen2-l1c-20m", "--model gan learns what the native bands look like, and a --teacher's .*"),
        ("generator", "tiny-attention", "unknown network 'tiny-attention'; expected one of dsen2, .*"),
    ],
)
def test_values_out_of_range(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SuperresConfig(tiles="t.txt", model="gan", **{name: value})
