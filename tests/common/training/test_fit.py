"""Training of a constant: a run folder, and a run that continues as if it had not stopped."""

import math
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.errors import Interrupted, TrainingError, WeightsError
from common.runs import folder as run
from common.runs import signals
from common.runs.provenance import library_versions
from common.training.batches import Start
from common.training.checkpoints.checkpoint import Checkpoint
from common.training.fit import (
    batch_origins,
    describe_changes,
    digest,
    fit,
    train_function,
    warn_of_other_ranks,
    with_fitting_batches,
)
from common.training.history import read_history
from common.training.learning_rate import LearningRate
from common.training.optimizer import compile_model
from tests.support.constant_run import CONFIG, TASK, Targets, assert_same_arrays, copy_run, without_seconds
from tests.support.constant_training import accumulating_model, constant_model
from tests.support.stopped_training import signal_in_step


def test_a_run_writes_its_folder(finished: Path) -> None:
    names = {run.CONFIG, run.HISTORY, run.WEIGHTS, run.CHECKPOINT, run.PREVIOUS_CHECKPOINT, run.TENSORBOARD}
    assert {path.name for path in finished.iterdir()} == names
    config = run.read_config(finished)
    assert (config["bands"], config["settings"]["epochs"]) == ("B02", 4)
    history = read_history(finished / run.HISTORY, 9)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert {"loss", "val_loss", "learning_rate", "seconds"} < history[0].keys()


@pytest.mark.parametrize(
    "steps, resumed",
    [
        ([1], "resumed after 4 patches of epoch 1"),
        ([3, 7], "resumed after epoch 2 and 10 patches of epoch 3"),
        ([4, 4], "resumed after epoch 2 and 8 patches of epoch 3"),
    ],
)
def test_a_run_that_was_stopped_inside_an_epoch_equals_one_that_was_not(
    steps: list[int], resumed: str, finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is stopped in each of these steps, counted from where the run goes on; the end of an epoch alone counts as one."""
    caplog.set_level("INFO")
    for part, step in enumerate(steps):
        stopped = pytest.raises(Interrupted, match=r"stopped by SIGUSR1 after .*, which is saved")
        with signals.noted_signals(), signal_in_step(step), stopped:
            fit(constant_model(), CONFIG, TASK, tmp_path, resume=part > 0)
    fit(constant_model(), CONFIG, TASK, tmp_path, resume=True)
    assert [text for text in caplog.messages if text.startswith("resumed")][-1] == resumed
    assert without_seconds(read_history(tmp_path / run.HISTORY, 9)) == without_seconds(
        read_history(finished / run.HISTORY, 9)
    )
    assert [row["learning_rate"] for row in read_history(tmp_path / run.HISTORY, 9)] == [0.1, 0.1, 0.1, 0.05]
    assert len(run.read_config(tmp_path)["earlier"]) == len(steps)
    assert_same_arrays(tmp_path / run.CHECKPOINT, finished / run.CHECKPOINT)
    assert_same_arrays(tmp_path / run.WEIGHTS, finished / run.WEIGHTS)


class Spoiled(Targets):
    """Patches whose targets are no numbers."""

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, target = super().convert(patches)
        return inputs, target * math.nan


def test_a_loss_that_is_not_finite_reaches_no_checkpoint_at_a_signal(tmp_path: Path) -> None:
    stopped = pytest.raises(TrainingError, match="the loss was no longer finite at batch 1 of epoch 1, which holds")
    with signals.noted_signals(), signal_in_step(1), stopped:
        fit(constant_model(), CONFIG, replace(TASK, training=Spoiled(10)), tmp_path)
    assert not (tmp_path / run.CHECKPOINT).exists()


def test_accumulated_batches_train_like_one_batch_and_a_stopped_run_goes_on(finished: Path, tmp_path: Path) -> None:
    """The same patches in two batches of half the size; sums have another order. A stop changes no bit."""
    config = replace(CONFIG, batch_size=CONFIG.batch_size // 2, accumulate=2, learning_rate=CONFIG.learning_rate / 2)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    for folder in (straight, stopped):
        folder.mkdir()
    fit(accumulating_model(), config, TASK, straight)
    with signals.noted_signals(), signal_in_step(4), pytest.raises(Interrupted):
        fit(accumulating_model(), config, TASK, stopped)
    fit(accumulating_model(), config, TASK, stopped, resume=True)
    assert_same_arrays(straight / run.CHECKPOINT, stopped / run.CHECKPOINT)
    histories = [without_seconds(read_history(folder / run.HISTORY, 9)) for folder in (stopped, finished)]
    for row, expected in zip(*histories, strict=True):
        assert row == pytest.approx(expected, rel=1e-5)


def test_other_cores_and_variables_are_recorded_and_warned_of(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_run(finished, tmp_path / "run")
    cores = hvd.cores_per_rank()
    with caplog.at_level("WARNING"):
        fit(constant_model(), replace(CONFIG, epochs=5), TASK, folder, resume=True)
    assert not caplog.messages
    monkeypatch.setattr(hvd, "cores_per_rank", lambda: cores + 1)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setattr("common.training.fit.library_versions", lambda: {**library_versions(), "keras": "9.9"})
    with caplog.at_level("WARNING"):
        fit(constant_model(), replace(CONFIG, epochs=6), TASK, folder, resume=True)
    (message,) = caplog.messages
    assert f"cores_per_rank was {cores} and is {cores + 1}" in message
    assert message.endswith(
        f"ONEDNN_MAX_CPU_ISA was not set and is AVX2, keras was {library_versions()['keras']} and is 9.9: "
        "numbers no longer agree bit for bit with a run that did not stop"
    )
    config = run.read_config(folder)
    assert (config["hardware"]["cores_per_rank"], config["environment"]["ONEDNN_MAX_CPU_ISA"]) == (cores + 1, "AVX2")


def test_a_run_of_an_older_version_recorded_no_hardware() -> None:
    now = {"hardware": {"cores_per_rank": 2}, "environment": {}}
    assert describe_changes({"settings": {}}, now) == describe_changes(now, now) == ""
    assert describe_changes({**now, "environment": {"XLA_FLAGS": "a"}}, now) == "XLA_FLAGS was a and is not set"


def test_a_run_without_validation_has_no_validation_loss(tmp_path: Path) -> None:
    fit(constant_model(), replace(CONFIG, epochs=1), replace(TASK, validation=Targets(0)), tmp_path)
    assert "val_loss" not in read_history(tmp_path / run.HISTORY, 1)[0]


def test_a_checkpoint_of_other_settings_is_refused_and_overwrites_nothing(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(WeightsError, match="was made with --model constant, this run has other"):
        fit(constant_model(), CONFIG, replace(TASK, identity={"model": "other"}), folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("patches", "ranks", "accumulate", "batch_size"),
    [
        *((10, 1, 1, 4), (3, 1, 1, 3), (9, 2, 1, 4), (7, 2, 1, 4), (5, 2, 1, 3), (1, 8, 1, 1)),
        *((16, 2, 2, 4), (10, 2, 2, 3), (2, 1, 3, 1)),
    ],
)
def test_the_batches_of_a_step_are_no_larger_than_the_share_of_a_rank(
    patches: int,
    ranks: int,
    accumulate: int,
    batch_size: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(hvd, "size", lambda: ranks)
    assert with_fitting_batches(replace(CONFIG, accumulate=accumulate), patches).batch_size == batch_size
    assert bool(caplog.messages) == (batch_size < CONFIG.batch_size)


def test_one_rank_warns_for_all(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(hvd, "size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(hvd, "rank", lambda rank=rank: rank)
        assert with_fitting_batches(CONFIG, patches=5).batch_size == 3
        warn_of_other_ranks(Checkpoint(1, {}, [], ranks=4), LearningRate(CONFIG, steps_per_epoch=1))
    assert [message.split(":")[0] for message in caplog.messages] == [
        "5 training patches on 2 ranks",
        "the run had 4 ranks and goes on with 2",
    ]


def test_each_patch_of_an_epoch_has_an_origin() -> None:
    origins = [batch_origins(CONFIG, TASK, Start(0, 4), epoch=1, step=step) for step in range(3)]
    assert [len(batch) for batch in origins] == [4, 4, 4]
    assert {name for batch in origins for name in batch} == {f"scene {index}" for index in range(10)}
    assert [batch_origins(CONFIG, TASK, Start(1, 4), epoch=1, step=step) for step in (1, 2)] == origins[1:]


def test_equal_values_have_equal_digests() -> None:
    assert digest({"a": [1, 2]}) == digest({"a": [1, 2]}) != digest({"a": [2, 1]})
    assert len(digest(None)) == 12


def test_a_step_is_one_tensorflow_function() -> None:
    """A function in the function of a step would be built and copied once more at the start of each training."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32")
    batches = iter(tf.data.Dataset.from_tensors((np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32))).repeat())
    step = train_function(model)
    losses = [float(step(batches)["loss"]) for _ in range(3)]
    operations = step.get_concrete_function(batches).graph.get_operations()
    assert losses[2] < losses[0]
    assert not any("Call" in operation.type for operation in operations)
