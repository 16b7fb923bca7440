"""The learning rate: warm-up, plateau and cosine."""

from types import SimpleNamespace

import numpy as np
import pytest

import common.distributed as hvd
from common.runs.config import RunConfig
from common.training.learning_rate import LearningRate

STEPS = 4


def learning_rate(ranks: int = 4, steps: int = STEPS, **settings: object) -> LearningRate:
    """Return the callback as it is on several ranks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hvd, "size", lambda: ranks)
        return LearningRate(RunConfig(**{"learning_rate": 0.01, "epochs": 10, **settings}), steps)


def run_epochs(callback: LearningRate, losses: list[float], steps: int = STEPS) -> list[float]:
    """Run epochs that end with these validation losses; return the rate of every step."""
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


def test_warm_up_rises_from_the_rate_of_one_rank_to_that_of_all() -> None:
    rates = run_epochs(learning_rate(ranks=4, warmup_epochs=2), [3, 2, 1])
    np.testing.assert_allclose(rates[: 2 * STEPS], 0.01 * (1 + 3 * np.arange(2 * STEPS) / (2 * STEPS)))
    np.testing.assert_allclose(rates[2 * STEPS :], 0.04)


@pytest.mark.parametrize("rule, factor", [("linear", 9), ("sqrt", 3), ("none", 1)])
@pytest.mark.parametrize("ranks, accumulate", [(9, 1), (3, 3)])
def test_a_rule_says_how_the_rate_grows_with_the_batches_of_a_step(
    rule: str, factor: int, ranks: int, accumulate: int
) -> None:
    rates = run_epochs(learning_rate(ranks, warmup_epochs=0.5, rate_rule=rule, accumulate=accumulate), [1])
    np.testing.assert_allclose(rates, 0.01 * np.array([1, (1 + factor) / 2, factor, factor]))


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert run_epochs(learning_rate(ranks=3, warmup_epochs=0), [1]) == [0.03] * STEPS
    assert run_epochs(learning_rate(ranks=1, warmup_epochs=1), [1]) == [0.01] * STEPS


def test_a_cosine_falls_to_zero() -> None:
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


def test_the_rate_is_halved_on_a_plateau() -> None:
    callback = learning_rate(ranks=1, warmup_epochs=0, patience=2)
    losses = [5, 4, 4, 4.5, 3.9, 4, 4, 4, 4]
    rates = run_epochs(callback, losses, steps=1)
    np.testing.assert_allclose(rates, [0.01] * 4 + [0.005] * 3 + [0.0025] * 2)
    assert callback.state == {"factor": 0.125, "best": 3.9, "wait": 0}


def test_the_state_continues_a_plateau() -> None:
    losses = [5, 4, 4, 4.5, 3.9, 4, 4, 4, 4]
    whole = run_epochs(learning_rate(ranks=1, warmup_epochs=0, patience=2), losses, steps=1)
    first, second = (learning_rate(ranks=1, warmup_epochs=0, patience=2) for _ in range(2))
    rates = run_epochs(first, losses[:3], steps=1)
    second.state.update(first.state)
    assert rates + run_epochs(second, losses[3:], steps=1) == whole


def test_without_validation_the_training_loss_is_monitored() -> None:
    callback = learning_rate()
    callback.current = 0.01
    callback.on_epoch_end(0, {"loss": 0.5})
    assert callback.state["best"] == 0.5


def test_warm_up_and_cosine_between_given_rates() -> None:
    callback = learning_rate(ranks=1, schedule="cosine", warmup_epochs=1, warmup_rate=0.002, last_rate=0.001)
    rates = run_epochs(callback, [1.0] * 10)
    np.testing.assert_allclose(rates[:STEPS], 0.002 + 0.008 * np.arange(STEPS) / STEPS)
    middle = STEPS + 9 * STEPS // 2
    assert (rates[STEPS], callback.rate(middle), callback.rate(10 * STEPS)) == pytest.approx((0.01, 0.0055, 0.001))
