"""Callbacks: learning rate, pooled validation, history, best weights, and a loss that is no longer finite."""

import csv
import logging
import math
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.errors import OutputError, RunFolderError, TrainingError
from common.runs import folder as run
from common.runs.config import RunConfig
from common.training.checkpoint import read_checkpoint
from common.training.learning_rate import LearningRate
from common.training.progress import Progress
from common.training.saving import RunFolder, read_history, write_history
from common.training.validation import PoolOverRanks

STEPS = 4
IDENTITY = {"seed": 0}


def learning_rate(ranks: int = 4, steps: int = STEPS, **settings) -> LearningRate:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hvd, "size", lambda: ranks)
        return LearningRate(RunConfig(**{"learning_rate": 0.01, "epochs": 10, **settings}), steps)


def run_epochs(callback: LearningRate, losses: list[float], steps: int = STEPS) -> list[float]:
    """Go through epochs that end with these validation losses; returns the rate of every step."""
    optimizer = SimpleNamespace(learning_rate=None)
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        for batch in range(steps):
            callback.on_train_batch_begin(batch)
            rates.append(optimizer.learning_rate)
        logs = {"loss": 1.0, "val_loss": loss}
        callback.on_epoch_end(epoch, logs)
        assert logs["learning_rate"] == rates[-1]
    return rates


def test_warm_up_goes_from_one_rank_to_all():
    rates = run_epochs(learning_rate(ranks=4, warmup_epochs=2), [3, 2, 1])
    np.testing.assert_allclose(rates[: 2 * STEPS], 0.01 * (1 + 3 * np.arange(2 * STEPS) / (2 * STEPS)))
    np.testing.assert_allclose(rates[2 * STEPS :], 0.04)


def test_no_warm_up():
    assert run_epochs(learning_rate(ranks=3, warmup_epochs=0), [1]) == [0.03] * STEPS
    assert run_epochs(learning_rate(ranks=1, warmup_epochs=1), [1]) == [0.01] * STEPS


def test_cosine_falls_to_zero():
    callback = learning_rate(ranks=2, schedule="cosine", warmup_epochs=1)
    rates = run_epochs(callback, [1.0] * 10)  # a plateau changes nothing
    assert callback.state["factor"] == 1
    assert rates[STEPS] == 0.02
    assert (np.diff(rates[STEPS:]) < 0).all()
    middle = STEPS + (10 * STEPS - STEPS) // 2
    assert rates[middle] == pytest.approx(0.01)
    assert 0 < rates[-1] < 0.0001
    assert callback.rate(10 * STEPS) == pytest.approx(0, abs=1e-12)
    assert callback.rate(1000 * STEPS) == pytest.approx(0, abs=1e-12)


def test_halved_on_plateau():
    callback = learning_rate(ranks=1, warmup_epochs=0, patience=2)
    losses = [5, 4, 4, 4.5, 3.9, 4, 4, 4, 4]
    rates = run_epochs(callback, losses, steps=1)
    np.testing.assert_allclose(rates, [0.01] * 4 + [0.005] * 3 + [0.0025] * 2)
    assert callback.state == {"factor": 0.125, "best": 3.9, "wait": 0}


def test_state_continues_a_plateau():
    losses = [5, 4, 4, 4.5, 3.9, 4, 4, 4, 4]
    whole = run_epochs(learning_rate(ranks=1, warmup_epochs=0, patience=2), losses, steps=1)
    first, second = (learning_rate(ranks=1, warmup_epochs=0, patience=2) for _ in range(2))
    rates = run_epochs(first, losses[:3], steps=1)
    second.state.update(first.state)
    assert rates + run_epochs(second, losses[3:], steps=1) == whole


def test_training_loss_is_monitored_without_validation():
    callback = learning_rate()
    callback.current = 0.01
    callback.on_epoch_end(0, {"loss": 0.5})
    assert callback.state["best"] == 0.5


def test_history_round_trip(tmp_path):
    rows = [
        {"epoch": 1, "loss": 0.1 + 0.2, "seconds": 3.0},
        {"epoch": 2, "loss": 1e-17, "seconds": 2.5, "val_loss": 7.0},
    ]
    write_history(tmp_path / "history.csv", rows)
    assert read_history(tmp_path / "history.csv", 2) == rows
    assert read_history(tmp_path / "history.csv", 1) == rows[:1]
    (tmp_path / "odd.csv").write_text("epoch,loss\n1,low\n")
    for name in ("none.csv", "odd.csv"):
        with pytest.raises(RunFolderError, match=rf"{name} cannot be read \(.*\); restore it, or start a new run"):
            read_history(tmp_path / name, 5)
    with open(tmp_path / "history.csv") as file:
        assert next(csv.reader(file)) == ["epoch", "loss", "seconds", "val_loss"]


class Constant(keras.layers.Layer):
    """One weight, which is the prediction."""

    def build(self, input_shape):
        self.value = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, inputs):
        return inputs * 0 + self.value


def constant_model(rate: float = 0.1) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), Constant()])
    model.compile(keras.optimizers.SGD(rate), "mean_squared_error", run_eagerly=True, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def batches(*targets: float) -> tf.data.Dataset:
    """Batches of four ones with these targets."""
    values = np.repeat(np.array(targets, np.float32)[:, None, None], 4, axis=1)
    return tf.data.Dataset.from_tensor_slices((np.ones_like(values), values))


def squared_sums(model: keras.Model, batch: tuple) -> np.ndarray:
    inputs, target = batch
    error = np.asarray(model(inputs)) - np.asarray(target)
    return np.array([np.sum(error**2), error.size])


def mean_square(sums: np.ndarray) -> dict[str, float]:
    return {"val_loss": sums[0] / sums[1]}


def fit(
    folder: Path,
    targets: list[float],
    validation: tf.data.Dataset | None,
    steps: int = 2,
    history: tuple = (),
    model: keras.Model | None = None,
) -> tuple[keras.Model, RunFolder]:
    """Train a constant, an epoch for each so many targets."""
    model = model or constant_model()
    epochs = len(targets) // steps
    rate = LearningRate(RunConfig(learning_rate=0.1, warmup_epochs=0, epochs=epochs), steps)
    writer = RunFolder(folder, rate, IDENTITY, list(history))
    callbacks = [
        PoolOverRanks(validation, squared_sums, mean_square),
        rate,
        writer,
        Progress(epochs, steps, 4 * steps, bar=False),
    ]
    model.fit(batches(*targets), steps_per_epoch=steps, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False)
    return model, writer


def test_an_epoch_writes_history_best_weights_and_checkpoint(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    model, _ = fit(tmp_path, [1, 1, 1, 1], batches(1, 0))
    assert {path.name for path in tmp_path.iterdir()} == {run.HISTORY, run.WEIGHTS, run.CHECKPOINT}
    rows = read_history(tmp_path / run.HISTORY, 9)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "loss", "seconds", "val_loss", "learning_rate"}
    # Squared error of 1 moves the weight by 0.2 of what is missing: 0, 0.2 | 0.36, 0.488.
    assert rows[0]["loss"] == pytest.approx((1 + 0.8**2) / 2)
    assert rows[0]["val_loss"] == pytest.approx((0.64**2 + 0.36**2) / 2)
    value = float(np.asarray(model.weights[0])[0])
    assert value == pytest.approx(1 - 0.8**4)
    other = constant_model()
    assert read_checkpoint(tmp_path / run.CHECKPOINT, other, IDENTITY)[0] == 2
    assert float(np.asarray(other.weights[0])[0]) == pytest.approx(value)
    lines = [record.getMessage() for record in caplog.records if record.name == "common.training.progress"]
    assert lines[0].startswith("epoch 1/2  loss 0.82  val_loss 0.2696  learning_rate 0.1  ")
    assert lines[0].endswith(" patches/s")
    assert len(lines) == 2


def test_best_weights_are_those_of_the_best_epoch(tmp_path):
    fit(tmp_path, [1, 1, 5, 5], batches(0.36))  # the first epoch ends at 0.36, the second far off
    model = keras.Sequential([keras.Input((1,)), Constant()])
    model.load_weights(tmp_path / run.WEIGHTS)
    assert float(np.asarray(model.weights[0])[0]) == pytest.approx(0.36)


def test_weights_of_a_part_are_kept_after_chosen_epochs(tmp_path):
    part, rate = constant_model(), LearningRate(RunConfig(), 1)
    writer = RunFolder(tmp_path, rate, IDENTITY, [], part, should_save=lambda rows: rows[-1]["epoch"] == 2)
    whole = constant_model()
    writer.set_model(whole)
    for epoch in range(3):
        part.set_weights([np.full_like(value, epoch) for value in part.get_weights()])
        writer.on_epoch_end(epoch, {"loss": float(epoch)})
    whole.load_weights(tmp_path / run.WEIGHTS)
    assert float(np.asarray(whole.weights[0])[0]) == 1


def test_a_resumed_run_remembers_its_best(tmp_path):
    fit(tmp_path, [1, 1], batches(1), history=[{"epoch": 1, "val_loss": 0.0001}])
    assert not (tmp_path / run.WEIGHTS).exists()
    assert [row["epoch"] for row in read_history(tmp_path / run.HISTORY, 9)] == [1, 1]


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(hvd, "rank", lambda: 1)
    fit(tmp_path, [1, 1], None)
    assert list(tmp_path.iterdir()) == []


def test_validation_is_a_sum_over_all_pixels_of_all_ranks(monkeypatch):
    """Ranks with batches of different sizes, and one without any, count by pixels."""
    shares = [np.array([2.0, 4.0]), np.array(0.0), np.array([9.0, 1.0])]
    monkeypatch.setattr(hvd, "allgather_object", lambda mine: [mine, *shares[1:]])
    pool = PoolOverRanks(batches(math.sqrt(0.5)), squared_sums, mean_square)
    pool.set_model(constant_model())
    np.testing.assert_allclose(pool.pooled_sums(), [2 + 9, 4 + 1])
    monkeypatch.setattr(hvd, "allgather_object", lambda mine: [*shares[:2], mine])
    pool.validation = batches(1).take(0)
    np.testing.assert_allclose(pool.pooled_sums(), shares[0])


def test_what_is_logged_of_training_is_averaged_over_ranks(monkeypatch):
    monkeypatch.setattr(hvd, "allgather_object", lambda mine: [mine, np.array([0.3, 2.0]), np.array([0.8, 6.0])])
    monkeypatch.setattr(hvd, "size", lambda: 3)
    pool = PoolOverRanks(None, squared_sums, mean_square)
    pool.on_epoch_begin(0)
    logs = {"loss": 0.1, "accuracy": 1.0}
    pool.on_epoch_end(0, logs)
    assert (logs["loss"], logs["accuracy"]) == pytest.approx((0.4, 3.0))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_checkpoint(tmp_path, bad):
    model, _ = fit(tmp_path, [1, 1], None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        TrainingError,
        match=rf"the loss became {bad} in epoch 1; the weights in the run folder are from "
        rf"before: start a new run with --init-weights RUN_FOLDER and a lower",
    ):
        fit(tmp_path, [1, bad], None, model=model)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_that_the_last_step_spoiled_reach_no_checkpoint(tmp_path):
    """The loss of the last step is from before it, so only validation shows that the weights are gone."""
    model, _ = fit(tmp_path, [1, 1], batches(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    model.optimizer.apply = lambda *_args, **_kwargs: model.weights[0].assign([math.nan])
    with pytest.raises(TrainingError, match="the validation loss became nan in epoch 1") as raised:
        fit(tmp_path, [1], batches(1), steps=1, model=model)
    assert raised.value.on_all_ranks  # one of them tells it
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_disk_without_room_is_seen_before_the_first_epoch(tmp_path, monkeypatch):
    asked = []

    def refuse(path: Path, size: int) -> None:
        asked.append(size)
        raise OutputError("full")

    monkeypatch.setattr("common.training.saving.require_space", refuse)
    with pytest.raises(OutputError, match="full"):
        fit(tmp_path, [1, 1], None)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    fit(tmp_path, [1, 1], None)
    written = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert (
        asked[0] >= written[run.WEIGHTS] + 2 * written[run.CHECKPOINT]
    )  # the older one stays until the newer is whole


def test_folder_that_is_gone(tmp_path):
    with pytest.raises(OutputError, match="check space and permissions there"):
        fit(tmp_path / "gone", [1, 1], None)


def test_a_bar_is_drawn_only_where_it_is_wanted(capsys):
    for wanted in (False, True):
        progress = Progress(1, 2, 8, bar=wanted)
        progress.on_epoch_begin(0)
        for batch in range(2):
            progress.on_train_batch_end(batch)
        progress.on_epoch_end(0, {"loss": 1.0, "seconds": 2.0})
        assert ("epoch 1/1" in capsys.readouterr().err) == wanted
