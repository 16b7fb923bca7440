"""`superres-train --model gan`: the run folder, resuming, and bad input."""

import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.runs import folder as run
from superres import train
from superres.networks.catalogue import NETWORKS
from superres.networks.trained import read_trained
from superres.training.config import SuperresConfig
from superres.training.fit import build_model
from tests.support.commands import lines_without_log
from tests.support.logs import own_logging
from tests.support.stopped_training import signal_in_step
from tests.support.tiny_training import TILES, tiny_network, write_scenes
from tests.support.training_bench import assert_same_runs, read_table, training_options

HISTORY_COLUMNS = {
    *("epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds"),
    *("content_loss", "adversarial_loss", "discriminator_loss", "discriminator_accuracy"),
    *("adversarial_weight", "collapsed"),
}
GROUPS = {"weights", "optimizer", "average", "discriminator", "discriminator_optimizer"}


def gan_options(tiles: Path, folder: Path, *flags: str, **settings: object) -> list[str]:
    """Return the command line of a run that takes seconds."""
    defaults = {
        "model": "gan",
        "epochs": 1,
        "pretrain_epochs": 0,
        "adversarial_weight": 0.1,
        "learning_rate": 1e-3,
        "warmup_epochs": 1,
    }
    return training_options(tiles, folder, *flags, **{**defaults, **settings})


@pytest.fixture(scope="module")
def finished(two_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one epoch and its patches. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    with own_logging(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        assert train.main(gan_options(two_scenes, folder)) == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpainted: None) -> Path:
    """A copy of the finished run, with the tiny network as `dsen2`, and figures that are composed but not painted."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def error_of(capfd: pytest.CaptureFixture, argv: list[str]) -> str:
    """Return the one line that a failing command prints on stderr, besides log messages."""
    capfd.readouterr()
    assert train.main(argv) == 1
    (line,) = lines_without_log(capfd.readouterr().err)
    return line


def test_run_folder_holds_the_averaged_generator(folder: Path) -> None:
    """As a fusion network like any other."""
    (row,) = read_table(folder / "run" / run.HISTORY)
    assert set(row) == HISTORY_COLUMNS
    trained = read_trained(str(folder / "run"))
    assert (trained.network_name, trained.title, trained.gsd) == ("dsen2", "gan", 20)
    with h5py.File(folder / "run" / run.CHECKPOINT) as file:
        assert set(file) == GROUPS
        for number, variable in enumerate(trained.build("float32").variables):
            np.testing.assert_array_equal(variable, file[f"average/{number}"])
            assert not np.array_equal(variable, file[f"weights/{number}"])


def test_resumed_run_continues_exactly(two_scenes: Path, folder: Path) -> None:
    """Both networks and optimizers, the average, and the adversarial weight, which is still rising; inside an epoch."""
    test_tiles = write_scenes(folder / "test", tiles=TILES[2:], size=48)
    with signal_in_step(1):
        assert train.main(gan_options(two_scenes, folder, "--resume", epochs=2, test_tiles=test_tiles)) == 75
    assert train.main(gan_options(two_scenes, folder, "--resume", epochs=2, test_tiles=test_tiles)) == 0
    straight = folder / "straight"
    assert train.main(gan_options(two_scenes, straight, epochs=2)) == 0
    assert_same_runs(folder / "run", straight / "run", groups=sorted(GROUPS))
    rows = read_table(folder / "run" / run.HISTORY)
    assert float(rows[0]["adversarial_weight"]) < float(rows[1]["adversarial_weight"]) < 0.1
    assert {row["method"] for row in read_table(folder / "run" / run.METRICS)} == {"bilinear", "bicubic", "gan"}


def test_run_folder_states_the_attention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    config = SuperresConfig(tiles="tiles.txt", model="gan", attention=True)
    run.write_config(tmp_path, config)
    build_model(config).average.save_weights(tmp_path / run.WEIGHTS)
    trained = read_trained(str(tmp_path))
    assert (trained.network_name, trained.title) == ("dsen2-attention", "gan")
    assert "attention" in {layer.name for layer in trained.build("float32").layers}


def test_resume_without_the_discriminator(two_scenes: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    with h5py.File(folder / "run" / run.CHECKPOINT, "a") as file:
        del file["discriminator"]
    weights = (folder / "run" / run.WEIGHTS).read_bytes()
    message = error_of(capfd, gan_options(two_scenes, folder, "--resume", epochs=2))
    assert re.fullmatch(
        r"DamagedFileError: \S+checkpoint\.h5 is damaged: discriminator is not as .*; restore .*", message
    )
    assert (folder / "run" / run.WEIGHTS).read_bytes() == weights


def test_resume_with_another_loss(two_scenes: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    message = error_of(capfd, gan_options(two_scenes, folder, "--resume", epochs=2, adversarial_loss="least-squares"))
    assert "was made with --adversarial-loss relativistic, this run has least-squares; resume with" in message


def test_weights_of_another_network(two_scenes: Path, folder: Path, capfd: pytest.CaptureFixture) -> None:
    settings = {"generator": "tiny", "init_weights": folder / "run"}
    for flags in ((), ("--attention",)):
        message = error_of(capfd, gan_options(two_scenes, folder / "new", *flags, **settings))
        assert re.fullmatch(r"WeightsError: \S+ does not hold weights of tiny\S* .*; give weights of the .*", message)
    assert not (folder / "new").exists()


def test_unknown_generator(two_scenes: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    message = error_of(capfd, gan_options(two_scenes, tmp_path, generator="srcnn"))
    assert re.fullmatch(r"SettingError: unknown network 'srcnn'; expected one of dsen2, .*", message)
    assert not (tmp_path / "run").exists()


def test_options_of_adversarial_training_without_it(
    two_scenes: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    message = error_of(
        capfd, ["--tiles", str(two_scenes), "--adversarial-weight", "1", "--run-dir", str(tmp_path / "run")]
    )
    assert message == (
        "SettingError: --adversarial-weight is only for --model gan, and this run has --model dsen2; leave one of them out."
    )
    assert not (tmp_path / "run").exists()
