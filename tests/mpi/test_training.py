"""`superres/train.py` on several ranks, compared with one process."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.runs import folder as run
from common.training import batches as dataset
from common.training import fit as training
from common.training import stopping
from common.training.history import read_history
from common.training.progress import Progress
from common.training.validation import PoolOverRanks
from superres import train
from superres.networks.catalogue import NETWORKS
from superres.training import fit as superres_fit
from superres.training.patch_source import FusionPatches
from tests.support.stopped_training import signal_in_step
from tests.support.tiny_training import TILES, command_line, tiny_network, write_scenes

BATCH, PATCHES = 2, 9  # on two ranks: 9 training patches in 3 steps an epoch; 5 and 4 validation patches


class Recorder(Progress):
    """Record on each rank the weights after each epoch, the number of steps, and the loss of the very first step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.weights: list[list[np.ndarray]] = []
        self.steps_taken: list[int] = []
        self.first_loss = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self.steps_taken.append(0)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self.steps_taken[-1] += 1
        self.first_loss = logs["loss"] if self.first_loss is None else self.first_loss

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        super().on_epoch_end(epoch, logs)
        self.weights.append(self.model.get_weights())


class Trainer:
    """Run the command with a small network.

    Args:
        tiles: the list of scenes.
        patch: replaces the network and the progress callback.
    """

    def __init__(self, tiles: Path, patch: pytest.MonkeyPatch):
        self.tiles = tiles
        self.patch = patch
        self.recorder: Recorder | None = None
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        patch.setattr(training, "Progress", self.record)

    def record(self, *args, **kwargs) -> Recorder:
        """Make the recorder that takes the place of `Progress`."""
        self.recorder = Recorder(*args, **kwargs)
        return self.recorder

    def __call__(self, run_dir: Path, *flags: str, code: int = 0, **settings: object) -> list[dict]:
        """Train, and return the history if the command ends well. `code` is the exit code to expect."""
        options = {
            "tiles": self.tiles,
            "run_dir": run_dir,
            "patch_cache": self.tiles.parent / "patches",
            "batch_size": BATCH,
            "patches_per_tile": PATCHES,
            "log_level": "WARNING",
            **settings,
        }
        assert train.main([*command_line(options), *flags]) == code
        hvd.barrier()
        return read_history(run_dir / run.HISTORY, 100) if code == 0 else []


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory, ranks: int) -> Path:
    """A list of two scenes, one of which is held out for validation."""
    folder = hvd.broadcast_object(tmp_path_factory.mktemp("scenes"))
    return hvd.on_rank_zero(lambda: write_scenes(folder))


@pytest.fixture
def train_tiny(tiles: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """The command with a small network."""
    return Trainer(tiles, monkeypatch)


@dataclass
class Straight:
    """A run of four epochs. `own_folder` is the run folder that this rank was given."""

    folder: Path
    own_folder: Path
    history: list[dict]
    recorder: Recorder


@pytest.fixture(scope="module")
def straight(tiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """A run in which each rank is given a run folder of its own."""
    own_folder = tmp_path_factory.mktemp("straight")
    folder = hvd.broadcast_object(own_folder)

    def in_own_folder(function: Callable) -> Callable:
        return lambda *args: function(*(own_folder if isinstance(arg, Path) else arg for arg in args))

    with pytest.MonkeyPatch.context() as patch:
        trainer = Trainer(tiles, patch)
        for module, name in ((superres_fit, "fit"), (train, "measure")):
            patch.setattr(module, name, in_own_folder(getattr(module, name)))
        history = trainer(folder, epochs=4, warmup_epochs=1.5, test_tiles=write_test_list(tiles))
    return Straight(folder, own_folder, history, trainer.recorder)


def write_test_list(tiles: Path) -> Path:
    """Write a list of one other scene to measure on."""
    return hvd.on_rank_zero(lambda: write_scenes(tiles.parent / "test", tiles=TILES[2:], size=48))


def compare(history: list[dict], expected: list[dict], rtol: float) -> None:
    """Assert that two histories hold the same numbers, except for times."""
    assert len(history) == len(expected) > 0
    for row, expected_row in zip(history, expected, strict=True):
        assert row.keys() == expected_row.keys()
        for name in row.keys() - {"seconds"}:
            assert row[name] == pytest.approx(expected_row[name], rel=rtol, abs=0), name


def test_ranks_take_the_same_number_of_steps(straight: Straight, ranks: int) -> None:
    assert hvd.allgather_object(straight.recorder.steps_taken) == [[-(-PATCHES // (BATCH * ranks))] * 4] * ranks


def test_ranks_hold_equal_weights_after_each_epoch(straight: Straight, same_on_all_ranks: Callable) -> None:
    weights = straight.recorder.weights
    assert len(weights) == 4
    for weights_of_epoch in weights:
        same_on_all_ranks(weights_of_epoch)
    assert not np.array_equal(weights[0][0], weights[1][0])


def test_only_rank_zero_writes_into_the_run_folder(straight: Straight, ranks: int) -> None:
    written = hvd.allgather_object(sorted(path.name for path in straight.own_folder.iterdir()))
    assert {*written[0], run.PREVIOUS_CHECKPOINT} == {*run.FILES, run.TENSORBOARD}
    assert written[1:] == [[]] * (ranks - 1)
    assert run.read_config(straight.folder)["ranks"] == ranks


def test_a_resumed_run_equals_one_that_did_not_stop(
    straight: Straight,
    train_tiny: Trainer,
    shared_path: Path,
    tmp_path: Path,
    same_on_all_ranks: Callable,
    alone: Callable,
    ranks: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is stopped inside its third epoch, by a signal to one rank, and inside its first one, while the rate rises."""
    monkeypatch.setattr(stopping, "SECONDS_BETWEEN_LOOKS", 0)  # look after each step
    for step, flags in ((2, ()), (6, ("--resume",))):
        with signal_in_step(step if hvd.rank() == ranks - 1 else 0):
            train_tiny(shared_path / "run", *flags, code=75, epochs=4, warmup_epochs=1.5)
    with h5py.File(shared_path / "run" / run.CHECKPOINT) as file:
        assert (file.attrs["epoch"], file.attrs["patches"], len(file["sums/0"])) == (2, 2 * BATCH * ranks, ranks)
    shutil.copytree(shared_path / "run", tmp_path / "fewer")
    hvd.barrier()
    with alone():  # on each rank: Horovod finds variables by names that count the networks of a process
        check_fewer_ranks(train_tiny, tmp_path / "fewer", ranks)
    history = train_tiny(shared_path / "run", "--resume", epochs=4, warmup_epochs=1.5)
    compare(history, straight.history, rtol=0)
    same_on_all_ranks(train_tiny.recorder.weights[-1])
    with (
        h5py.File(straight.folder / run.CHECKPOINT) as first,
        h5py.File(shared_path / "run" / run.CHECKPOINT) as second,
    ):
        for group in ("weights", "optimizer"):
            assert len(first[group]) == len(second[group]) > 0
            for name in first[group]:
                np.testing.assert_array_equal(first[group][name], second[group][name])


def check_fewer_ranks(train_tiny: Trainer, folder: Path, ranks: int) -> None:
    """Assert that one process continues a run of several ranks inside an epoch, if the user allows it."""
    settings = {"epochs": 3, "warmup_epochs": 1.5}
    train_tiny(folder, "--resume", code=1, **settings)
    history = train_tiny(folder, "--resume", "--allow-ranks-change", **settings)
    assert train_tiny.recorder.steps_taken == [
        -(-(PATCHES - 2 * BATCH * ranks) // BATCH)
    ]  # no patch twice, none left out
    rates = [row["learning_rate"] for row in history]
    assert rates[1] == pytest.approx(ranks * rates[2])
    config = run.read_config(folder)
    assert (config["ranks"], config["earlier"][-1]["ranks"]) == (1, ranks)
    log = (folder / run.LOG).read_text()
    assert f"the run had {ranks} ranks and goes on with 1: the highest learning rate is now {rates[2]:g}" in log


def test_training_equals_that_of_one_process_with_the_joined_batch(
    straight: Straight,
    train_tiny: Trainer,
    shared_path: Path,
    tmp_path: Path,
    alone: Callable,
    ranks: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal are order, averages, pooled validation, and the learning rate, which grows with the number of ranks.

    Flips and quarter turns are off, because each rank draws its own and one process turns the joined batch as a whole.
    They do not change the very first loss, which is that of the upsampled bands.
    """
    monkeypatch.setattr(dataset, "turn_all", lambda patches, turn: patches)
    settings = {"epochs": 2, "warmup_epochs": 0}
    history = train_tiny(shared_path / "many", **settings, learning_rate=1e-3)
    many = train_tiny.recorder
    with alone():
        expected = train_tiny(tmp_path / "one", **settings, learning_rate=1e-3 * ranks, batch_size=BATCH * ranks)
    compare(history, expected, rtol=1e-5)
    for weights, joined in zip(many.weights[-1], train_tiny.recorder.weights[-1], strict=True):
        np.testing.assert_allclose(weights, joined, rtol=1e-4, atol=1e-6)
    turned = np.mean(hvd.allgather_object(straight.recorder.first_loss))
    assert turned == pytest.approx(train_tiny.recorder.first_loss, rel=1e-5)


def test_float16_ranks_hold_equal_weights(train_tiny: Trainer, shared_path: Path, same_on_all_ranks: Callable) -> None:
    train_tiny(shared_path / "run", precision="float16", gradient_precision="float16", epochs=1)
    same_on_all_ranks(train_tiny.recorder.weights[-1])
    assert run.read_config(shared_path / "run")["settings"]["gradient_precision"] == "float16"


@pytest.mark.parametrize("count", [1, 5])
def test_validation_is_pooled_by_count(count: int, ranks: int) -> None:
    """Ranks have 1 and 0, or 3 and 2 values; a mean of means would differ."""
    values = np.arange(1.0, count + 1) ** 2
    own_values = values[hvd.rank() :: ranks]
    pool = PoolOverRanks(
        list(own_values), lambda model, value: np.array([value, 1.0]), lambda sums: {"val": sums[0] / sums[1]}
    )
    pool.set_model(keras.Model(*[keras.Input((1,))] * 2))
    pool.on_epoch_begin(0)
    logs = {"loss": float(hvd.rank())}
    pool.on_epoch_end(0, logs)
    assert logs["val"] == pytest.approx(values.mean())
    assert logs["loss"] == pytest.approx((ranks - 1) / 2)


def test_wrong_settings_fail_on_all_ranks(tiles: Path, shared_path: Path, capfd: pytest.CaptureFixture) -> None:
    arguments = ["--tiles", str(tiles), "--epochs", "0", "--run-dir", str(shared_path / "run")]
    assert train.main(arguments) == 1
    lines = hvd.allgather_object(capfd.readouterr().err.splitlines())
    assert lines == [["SettingError: --epochs must be above 0; got 0."]] + [[]] * (hvd.size() - 1)
    assert not (shared_path / "run").exists()


def test_a_loss_that_is_not_finite_on_one_rank_stops_all(
    tiles: Path, shared_path: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    """One line names the batch of the rank that it began on, and every rank exits with 1.

    An adversarial loss also depends on the batches of other ranks, so all ranks see it at the same step.
    """
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    convert = FusionPatches.convert

    def spoiled(patches: FusionPatches, read: dict) -> tuple:
        inputs, target = convert(patches, read)
        return inputs, target * (np.nan if hvd.rank() == 1 else 1)

    monkeypatch.setattr(FusionPatches, "convert", spoiled)
    words = ["--tiles", tiles, "--run-dir", shared_path / "run", "--patch-cache", tiles.parent / "patches"]
    words += ["--batch-size", BATCH, "--patches-per-tile", PATCHES, "--epochs", 1]
    words += ["--model", "gan", "--pretrain-epochs", 0]
    tf.config.run_functions_eagerly(True)  # one step does not pay for a graph
    try:
        assert train.main([str(word) for word in words]) == 1
    finally:
        tf.config.run_functions_eagerly(False)
    errors = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert [len(lines) for lines in errors] == [1, *[0] * (ranks - 1)]
    assert "no longer finite at batch 1 of epoch 1 on rank 1, which holds patches of S2A_" in errors[0][0]
    assert not (shared_path / "run" / run.CHECKPOINT).exists()
