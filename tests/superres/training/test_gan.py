"""The adversarial training step in one process; two ranks are in `tests/mpi/test_gan.py`."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from superres.training.gan import LOSSES, Adversary, Gan, stays_close
from tests.support.checks import random_batch, set_random_weights
from tests.support.tiny_training import tiny_network

GSD = 20


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())


def build_gan(weight: float = 0.0, **settings: object) -> Gan:
    """With a generator of random weights, some adversarial weight, and steps that are not compiled."""
    keras.utils.set_random_seed(0)
    generator = build_network("dsen2", GSD)
    set_random_weights(generator)
    gan = Gan(generator, build_network("dsen2", GSD), SuperresConfig(tiles="t.txt", model="gan", **settings))
    gan.adversarial_weight.assign(weight)
    return gan


def arrays(network: keras.Model) -> list[np.ndarray]:
    return [np.array(variable) for variable in network.trainable_variables]


def step(gan: Gan, seed: int = 0) -> dict[str, float]:
    inputs, target = random_batch(GSD, seed=seed)
    logs = gan.train_step(({name: tf.constant(image) for name, image in inputs.items()}, tf.constant(target)))
    return {name: float(value) for name, value in logs.items()}


def test_without_weight_the_generator_trains_by_content_alone() -> None:
    gan = build_gan(
        adversarial_loss="least-squares"
    )  # the other does not change when all scores rise: no slope of a bias
    alone = build_network("dsen2", GSD)
    alone.set_weights(gan.generator.get_weights())
    alone.compile(keras.optimizers.Adam(1e-4, 0.5), "mean_absolute_error", run_eagerly=True)
    judged = arrays(gan.discriminator)
    loss = float(alone.train_on_batch(*random_batch(GSD)))
    logs = step(gan)
    assert list(logs) == list(LOSSES)
    assert logs["loss"] == logs["content_loss"] == pytest.approx(loss, rel=1e-5)
    for ours, theirs in zip(arrays(gan.generator), arrays(alone), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert not any(
        np.array_equal(before, after) for before, after in zip(judged, arrays(gan.discriminator), strict=True)
    )


def test_content_is_the_loss_that_was_asked_for() -> None:
    target, estimate = tf.constant([[[[1.0], [4.0]]]]), tf.constant([[[[1.5], [2.0]]]])
    settings = {"loss": "l2", "brightness_power": 1.0}
    assert float(build_gan(**settings).content_loss(target, estimate)) == pytest.approx((0.25 + 16) / 2)


@pytest.mark.parametrize("loss", ["least-squares", "relativistic"])
def test_each_network_lowers_its_own_loss(loss: str) -> None:
    """The generator, told to please only the discriminator; the discriminator, told to see through it."""
    rates = {"learning_rate": 1e-9, "discriminator_learning_rate": 1e-9}
    for name, trained in (("adversarial_loss", "learning_rate"), ("discriminator_loss", "discriminator_learning_rate")):
        gan = build_gan(1e4, adversarial_loss=loss, **{**rates, trained: 1e-4})
        first = step(gan)[name]
        for tracker in gan.trackers.values():
            tracker.reset_state()
        assert step(gan)[name] < first


def test_discriminator_follows_the_learning_rate() -> None:
    gan = build_gan(learning_rate=1e-4, discriminator_learning_rate=3e-4)
    gan.optimizer.learning_rate = 5e-5
    step(gan)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(1.5e-4)


def test_moving_average_is_what_predicts() -> None:
    gan = build_gan(0.1, average_decay=0.3, learning_rate=0.01)
    expected = arrays(gan.generator)
    for number, decay in enumerate((2 / 11, 3 / 12, 0.3)):
        step(gan, seed=number)
        pairs = zip(expected, arrays(gan.generator), strict=True)
        expected = [decay * mean + (1 - decay) * value for mean, value in pairs]
    for mean, value in zip(arrays(gan.average), expected, strict=True):
        np.testing.assert_allclose(mean, value, rtol=1e-4, atol=1e-6)
    inputs, _ = random_batch(GSD)
    np.testing.assert_array_equal(gan(inputs), gan.average(inputs))


def adversary(**settings: object) -> Adversary:
    callback = Adversary(SuperresConfig(tiles="t.txt", model="gan", adversarial_weight=0.5, **settings))
    callback.set_params({"steps": 4})
    return callback


def test_adversarial_weight_rises_after_pretraining() -> None:
    callback = adversary(pretrain_epochs=1, ramp_epochs=2)
    found = [callback.weight(epoch + batch / 4) for epoch in range(4) for batch in range(4)]
    np.testing.assert_allclose(found, 0.5 * np.clip((np.arange(16) - 4) / 8, 0, 1))
    assert [adversary(pretrain_epochs=1, ramp_epochs=0).weight(epochs) for epochs in (0.75, 1)] == [0, 0.5]


@pytest.mark.parametrize("epoch, accuracy, expected", [(0, 1.0, 0), (3, 1.0, 1), (3, 0.0, 1), (3, 0.9, 0)])
def test_collapse_is_reported(epoch: int, accuracy: float, expected: int, caplog: pytest.LogCaptureFixture) -> None:
    """Not in pre-training, when the discriminator is expected to win."""
    callback = adversary(pretrain_epochs=1, ramp_epochs=2)
    callback.set_model(build_gan())
    callback.on_epoch_begin(epoch)
    callback.on_train_batch_begin(0)
    logs = {"discriminator_accuracy": accuracy}
    with caplog.at_level(logging.WARNING):
        callback.on_epoch_end(epoch, logs)
    assert logs["collapsed"] == expected
    assert logs["adversarial_weight"] == float(callback.model.adversarial_weight) == (0.5 if epoch else 0)
    advice = "lower" if accuracy else "raise"
    found = [f"all through epoch {epoch + 1}, so " in line and f": {advice} --disc" in line for line in caplog.messages]
    assert found == [True] * expected


def test_weights_are_kept_as_long_as_the_error_stays_close() -> None:
    rows = [{"val_rmse": value} for value in (30.0, 29.0, 31.0, 32.0, 30.0)]
    assert [stays_close(rows[: count + 1], 1.08) for count in range(5)] == [True, True, True, False, True]
    assert stays_close([{"loss": 1.0}, {"loss": 2.0}], 1.0)
