"""History, best weights and checkpoint at the end of each epoch."""

from pathlib import Path

import keras
import numpy as np
import pytest

import common.distributed as hvd
from common.errors import OutputError
from common.runs import folder as run
from common.runs.config import RunConfig
from common.training.checkpoints.checkpoint import read_checkpoint
from common.training.history import read_history
from common.training.learning_rate import LearningRate
from common.training.saving import RunWriter, is_best, is_highest
from tests.support.constant_training import IDENTITY, Constant, batches, constant_model, fit


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([{"loss": 5.0}], True),
        ([{"loss": 5.0}, {"loss": 4.0}], True),
        ([{"loss": 5.0}, {"loss": 5.0}], False),
        ([{"loss": 5.0, "val_loss": 1.0}, {"loss": 4.0, "val_loss": 2.0}], False),
        ([{"loss": 5.0, "val_loss": 2.0}, {"loss": 6.0, "val_loss": 1.0}], True),
        ([{"loss": 5.0}, {"loss": 6.0, "val_loss": 1.0}], True),
    ],
)
def test_the_best_epoch_has_the_lowest_validation_loss_or_training_loss(rows: list[dict], best: bool) -> None:
    assert is_best(rows) == best


@pytest.mark.parametrize(
    ("scores", "best"), [([0.0], True), ([0.3, 0.4], True), ([0.4, 0.4], False), ([0.5, 0.4], False)]
)
def test_the_best_epoch_may_have_the_highest_score(scores: list[float], best: bool) -> None:
    assert is_highest([{"loss": 1.0, "val_ap_macro": score} for score in scores], "val_ap_macro") == best


def test_an_epoch_writes_history_best_weights_and_checkpoint(tmp_path: Path) -> None:
    model, _ = fit(tmp_path, [1, 1, 1, 1], batches(1, 0))
    assert {path.name for path in tmp_path.iterdir()} == {
        run.HISTORY,
        run.WEIGHTS,
        run.CHECKPOINT,
        run.PREVIOUS_CHECKPOINT,
    }
    rows = read_history(tmp_path / run.HISTORY, 9)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "loss", "seconds", "val_loss", "learning_rate"}
    # Each step moves the weight by 0.2 of its error: 0, 0.2 | 0.36, 0.488.
    assert rows[0]["loss"] == pytest.approx((1 + 0.8**2) / 2)
    assert rows[0]["val_loss"] == pytest.approx((0.64**2 + 0.36**2) / 2)
    value = float(np.asarray(model.weights[0])[0])
    assert value == pytest.approx(1 - 0.8**4)
    other = constant_model()
    assert read_checkpoint(tmp_path / run.PREVIOUS_CHECKPOINT, other, IDENTITY).history == rows[:1]
    checkpoint = read_checkpoint(tmp_path / run.CHECKPOINT, other, IDENTITY)
    assert (checkpoint.epoch, checkpoint.history) == (2, rows)
    assert float(np.asarray(other.weights[0])[0]) == pytest.approx(value)


def test_best_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    fit(tmp_path, [1, 1, 5, 5], batches(0.36))  # the first epoch ends at 0.36, the second far off
    model = keras.Sequential([keras.Input((1,)), Constant()])
    model.load_weights(tmp_path / run.WEIGHTS)
    assert float(np.asarray(model.weights[0])[0]) == pytest.approx(0.36)


def test_weights_of_a_sub_model_are_saved_after_chosen_epochs(tmp_path: Path) -> None:
    part, rate = constant_model(), LearningRate(RunConfig(), 1)
    writer = RunWriter(tmp_path, rate, IDENTITY, [], part, should_save=lambda rows: rows[-1]["epoch"] == 2)
    whole = constant_model()
    writer.set_model(whole)
    for epoch in range(3):
        part.set_weights([np.full_like(value, epoch) for value in part.get_weights()])
        writer.on_epoch_end(epoch, {"loss": float(epoch)})
    whole.load_weights(tmp_path / run.WEIGHTS)
    assert float(np.asarray(whole.weights[0])[0]) == 1


def test_a_resumed_run_remembers_its_best_epoch(tmp_path: Path) -> None:
    fit(tmp_path, [1, 1], batches(1), history=[{"epoch": 1, "val_loss": 0.0001}])
    assert not (tmp_path / run.WEIGHTS).exists()
    assert [row["epoch"] for row in read_history(tmp_path / run.HISTORY, 9)] == [1, 1]


def test_other_ranks_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hvd, "rank", lambda: 1)
    fit(tmp_path, [1, 1], None)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_small_is_an_error_before_the_first_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    # The previous checkpoint stays until the newest is whole.
    assert asked[0] >= written[run.WEIGHTS] + 3 * written[run.CHECKPOINT]


def test_a_missing_run_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="check space and permissions there"):
        fit(tmp_path / "gone", [1, 1], None)
