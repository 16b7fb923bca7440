"""The schedule of the adversarial weight, the warning about collapse, and the choice of weights to save."""

import logging
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from superres.training.adversarial_weight import AdversarialWeight, is_close_to_best
from superres.training.config import SuperresConfig

STEPS = 4


def make_callback(**settings: object) -> AdversarialWeight:
    """Return the callback with a stand-in for the Gan, a full weight of 0.5, and STEPS steps an epoch."""
    callback = AdversarialWeight(SuperresConfig(tiles="t.txt", model="gan", adversarial_weight=0.5, **settings))
    callback.set_params({"steps": STEPS})
    callback.set_model(SimpleNamespace(adversarial_weight=keras.Variable(0.0)))
    return callback


def test_weight_rises_after_pretraining() -> None:
    callback = make_callback(pretrain_epochs=1, ramp_epochs=2)
    weights = [callback.weight_at(epoch + batch / STEPS) for epoch in range(4) for batch in range(STEPS)]
    np.testing.assert_allclose(weights, 0.5 * np.clip((np.arange(16) - 4) / 8, 0, 1))


def test_weight_without_a_ramp() -> None:
    callback = make_callback(pretrain_epochs=1, ramp_epochs=0)
    assert [callback.weight_at(epochs) for epochs in (0.75, 1)] == [0, 0.5]


def test_weight_is_set_before_each_step() -> None:
    """Also in the first step of a resumed run, which starts in a later epoch."""
    callback = make_callback(pretrain_epochs=0, ramp_epochs=2)
    callback.on_epoch_begin(1)
    for batch in range(STEPS):
        callback.on_train_batch_begin(batch)
        assert float(callback.model.adversarial_weight) == callback.weight_at(1 + batch / STEPS)


@pytest.mark.parametrize(
    "epoch, accuracy, collapses", [(0, 1.0, False), (3, 1.0, True), (3, 0.0, True), (3, 0.9, False)]
)
def test_collapse_is_reported(epoch: int, accuracy: float, collapses: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Not in pre-training, when the discriminator is expected to be right."""
    callback = make_callback(pretrain_epochs=1, ramp_epochs=2)
    callback.on_epoch_begin(epoch)
    callback.on_train_batch_begin(0)
    logs = {"discriminator_accuracy": accuracy}
    with caplog.at_level(logging.WARNING):
        callback.on_epoch_end(epoch, logs)
    assert logs["collapsed"] == collapses
    assert logs["adversarial_weight"] == float(callback.model.adversarial_weight) == (0.5 if epoch else 0)
    advice = "lower" if accuracy else "raise"
    warnings = [f"in epoch {epoch + 1} was " in line and f"; {advice} --disc" in line for line in caplog.messages]
    assert warnings == [True] * collapses


def test_weights_are_saved_while_the_error_is_close_to_the_best() -> None:
    rows = [{"val_rmse": value} for value in (30.0, 29.0, 31.0, 32.0, 30.0)]
    assert [is_close_to_best(rows[: count + 1], 1.08) for count in range(5)] == [True, True, True, False, True]


def test_weights_are_always_saved_without_validation() -> None:
    assert is_close_to_best([{"loss": 1.0}, {"loss": 2.0}], 1.0)
