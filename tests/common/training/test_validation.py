"""Validation: sums over the batches of all ranks."""

import math

import numpy as np
import pytest

import common.distributed as hvd
from common.errors import TrainingError
from common.training.validation import PoolOverRanks
from tests.support.constant_training import batches, constant_model, mean_square, squared_sums


def test_validation_is_a_sum_over_all_pixels_of_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks count by their pixels: two have batches of different sizes, one has no batch."""
    shares = [np.array([2.0, 4.0]), np.array(0.0), np.array([9.0, 1.0])]
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [own, *shares[1:]])
    pool = PoolOverRanks(batches(math.sqrt(0.5)), squared_sums, mean_square)
    pool.set_model(constant_model())
    np.testing.assert_allclose(pool.pooled_sums(), [2 + 9, 4 + 1])
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [*shares[:2], own])
    pool.validation = batches(1).take(0)
    np.testing.assert_allclose(pool.pooled_sums(), shares[0])


def test_training_logs_are_averaged_over_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [own, np.array([0.3, 2.0]), np.array([0.8, 6.0])])
    monkeypatch.setattr(hvd, "size", lambda: 3)
    pool = PoolOverRanks(None, squared_sums, mean_square)
    pool.on_epoch_begin(0)
    logs = {"loss": 0.1, "accuracy": 1.0}
    pool.on_epoch_end(0, logs)
    assert (logs["loss"], logs["accuracy"]) == pytest.approx((0.4, 3.0))


def test_validation_is_logged_after_training() -> None:
    pool = PoolOverRanks(batches(1.0, 0.0), squared_sums, mean_square)
    pool.set_model(constant_model())
    pool.on_epoch_begin(0)
    logs = {"loss": 0.25}
    pool.on_epoch_end(0, logs)
    assert list(logs) == ["loss", "seconds", "val_loss"]
    assert (logs["loss"], logs["val_loss"]) == (0.25, 0.5)
    assert logs["seconds"] >= 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error_of_all_ranks(bad: float) -> None:
    pool = PoolOverRanks(None, squared_sums, mean_square)
    pool.on_epoch_begin(0)
    with pytest.raises(TrainingError, match=f"the loss became {bad} in epoch 4") as caught:
        pool.on_epoch_end(3, {"loss": bad})
    assert caught.value.on_all_ranks
