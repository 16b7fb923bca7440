"""Adversarial training on several ranks: gradients of both networks are averaged, as in one process with all the data."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.training.checkpoints.checkpoint import variable_groups
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from superres.training.gan import Gan
from tests.support.checks import random_batch, set_random_weights
from tests.support.tiny_training import tiny_network

GSD, PATCHES, STEPS = 20, 2, 2
KERNEL_AXES = 4


def build_gan(monkeypatch: pytest.MonkeyPatch, loss: str, accumulate: int = 1) -> Gan:
    """Build a GAN with plain gradient descent for both networks: the size of a step follows from its gradient."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(keras.optimizers, "Adam", lambda rate, _: keras.optimizers.SGD(rate))
    keras.utils.set_random_seed(0)
    generator = build_network("dsen2", GSD)
    set_random_weights(generator)
    rates = {"learning_rate": 0.01, "discriminator_learning_rate": 0.1}
    settings = {"adversarial_loss": loss, "accumulate": accumulate, "spectral_weight": 0.1, **rates}
    config = SuperresConfig(tiles="t.txt", model="gan", **settings)
    gan = Gan(generator, build_network("dsen2", GSD), config)
    gan.adversarial_weight.assign(1.0)
    return gan


def take_steps(take_step: Callable, batches: list[list]) -> dict[str, float]:
    """Take one step for each group of batches, joined; return the logs of the last step."""
    for group in batches:
        inputs = {name: np.concatenate([batch[0][name] for batch in group]) for name in group[0][0]}
        inputs = {name: tf.constant(image) for name, image in inputs.items()}
        logs = take_step((inputs, tf.constant(np.concatenate([batch[1] for batch in group]))))
    return {name: float(value) for name, value in logs.items()}


@pytest.mark.parametrize(
    "loss, accumulate, compiled", [("least-squares", PATCHES, lambda step: step), ("relativistic", 1, tf.function)]
)
def test_steps_equal_those_of_one_process_on_the_joined_batch(
    loss: str,
    accumulate: int,
    compiled: Callable,
    ranks: int,
    alone: Callable,
    same_on_all_ranks: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal are the weights of both networks, the vectors of the power iterations, and the moving average."""
    data = [[random_batch(GSD, PATCHES, seed=ranks * step + rank) for rank in range(ranks)] for step in range(STEPS)]
    gan = build_gan(monkeypatch, loss, accumulate)
    names = ("generator", "discriminator")
    start = {name: getattr(gan, name).get_weights() for name in names}
    logs = take_steps(compiled(gan.train_step), [[group[hvd.rank()]] for group in data])
    same_on_all_ranks([variable for group in variable_groups(gan).values() for variable in group])
    means = dict(zip(logs, hvd.allreduce_sum(list(logs.values())) / ranks, strict=True))
    with alone():
        single = build_gan(monkeypatch, loss)
        expected = take_steps(single.train_step, data)
    assert means == pytest.approx(expected, rel=1e-4)
    for name in names:
        weights = zip(start[name], getattr(gan, name).get_weights(), getattr(single, name).get_weights(), strict=True)
        for first, averaged, joined in weights:
            assert first.ndim < KERNEL_AXES or not np.allclose(first, joined, rtol=1e-3, atol=1e-5)
            np.testing.assert_allclose(averaged, joined, rtol=1e-3, atol=1e-5)
