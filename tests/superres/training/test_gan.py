"""The adversarial training step on one rank; two ranks are in `tests/mpi/test_gan.py`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from superres.training.gan import LOSSES, Gan
from tests.support.checks import random_batch, set_random_weights
from tests.support.tiny_training import tiny_network

GSD = 20


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())


def build_gan(weight: float = 0.0, **settings: object) -> Gan:
    """Return a Gan with random weights of the generator and a fixed adversarial weight."""
    keras.utils.set_random_seed(0)
    generator = build_network("dsen2", GSD)
    set_random_weights(generator)
    gan = Gan(generator, build_network("dsen2", GSD), SuperresConfig(tiles="t.txt", model="gan", **settings))
    gan.adversarial_weight.assign(weight)
    return gan


def arrays(model: keras.Model) -> list[np.ndarray]:
    return [np.array(variable) for variable in model.trainable_variables]


def step(gan: Gan, seed: int = 0) -> dict[str, float]:
    inputs, target = random_batch(GSD, seed=seed)
    logs = gan.train_step(({name: tf.constant(image) for name, image in inputs.items()}, tf.constant(target)))
    return {name: float(value) for name, value in logs.items()}


def test_with_weight_zero_the_generator_minimises_the_content_loss_alone() -> None:
    # Unlike the relativistic loss, this one changes if all scores rise, so that every bias has a gradient.
    gan = build_gan(adversarial_loss="least-squares")
    alone = build_network("dsen2", GSD)
    alone.set_weights(gan.generator.get_weights())
    alone.compile(keras.optimizers.Adam(1e-4, 0.5), "mean_absolute_error", run_eagerly=True)
    discriminator_before = arrays(gan.discriminator)
    loss = float(alone.train_on_batch(*random_batch(GSD)))
    logs = step(gan)
    assert list(logs) == list(LOSSES)
    assert logs["loss"] == logs["content_loss"] == pytest.approx(loss, rel=1e-5)
    assert {float(mean.count) for mean in gan.epoch_means.values()} == {2}  # each patch weighs one, as in Keras
    for ours, theirs in zip(arrays(gan.generator), arrays(alone), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    pairs = zip(discriminator_before, arrays(gan.discriminator), strict=True)
    assert not any(np.array_equal(before, after) for before, after in pairs)


def test_content_loss_is_the_requested_one() -> None:
    target, estimate = tf.constant([[[[1.0], [4.0]]]]), tf.constant([[[[1.5], [2.0]]]])
    settings = {"loss": "l2", "brightness_power": 1.0}
    assert float(build_gan(**settings).content_loss(target, estimate)) == pytest.approx((0.25 + 16) / 2)
    settings["brightness_ceiling"] = 6000  # 3 in network units
    assert float(build_gan(**settings).content_loss(target, estimate)) == pytest.approx((0.25 + 3) / 2)


@pytest.mark.parametrize("loss", ["least-squares", "relativistic"])
def test_each_network_lowers_its_own_loss(loss: str) -> None:
    """A step of one network, while the other hardly changes, lowers the loss of the first."""
    rates = {"learning_rate": 1e-9, "discriminator_learning_rate": 1e-9}
    for name, trained in (("adversarial_loss", "learning_rate"), ("discriminator_loss", "discriminator_learning_rate")):
        gan = build_gan(1e4, adversarial_loss=loss, **{**rates, trained: 1e-4})
        first = step(gan)[name]
        for mean in gan.epoch_means.values():
            mean.reset_state()
        assert step(gan)[name] < first


def test_discriminator_follows_the_learning_rate_of_the_generator() -> None:
    gan = build_gan(learning_rate=1e-4, discriminator_learning_rate=3e-4)
    gan.optimizer.learning_rate = 5e-5
    step(gan)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(1.5e-4)


def test_parts_take_the_step_of_the_whole_batch() -> None:
    """With the relativistic loss they do not: it compares with the mean score of a batch."""
    whole, in_parts = (build_gan(0.1, adversarial_loss="least-squares", accumulate=parts) for parts in (1, 2))
    assert step(in_parts) == pytest.approx(step(whole), rel=1e-5)
    for name in ("generator", "discriminator", "average"):
        for variable, expected in zip(arrays(getattr(in_parts, name)), arrays(getattr(whole, name)), strict=True):
            np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)


def test_moving_average_predicts() -> None:
    gan = build_gan(0.1, average_decay=0.3, learning_rate=0.01)
    expected = arrays(gan.generator)
    for seed, decay in enumerate((2 / 11, 3 / 12, 0.3)):
        step(gan, seed=seed)
        pairs = zip(expected, arrays(gan.generator), strict=True)
        expected = [decay * mean + (1 - decay) * value for mean, value in pairs]
    for mean, value in zip(arrays(gan.average), expected, strict=True):
        np.testing.assert_allclose(mean, value, rtol=1e-4, atol=1e-6)
    inputs, _ = random_batch(GSD)
    np.testing.assert_array_equal(gan(inputs), gan.average(inputs))
