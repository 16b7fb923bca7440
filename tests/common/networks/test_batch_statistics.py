"""Batch normalisation on one process: the synchronised one is Keras' own. For two see `tests/mpi/test_bigearthnet.py`."""

import keras
import numpy as np

from common.networks.batch_statistics import (
    AverageStatistics,
    SyncBatchNormalization,
    set_momentum,
    synchronise,
)


def test_equals_keras_on_one_process() -> None:
    images = np.random.default_rng(0).normal(3, 2, (4, 5, 5, 3)).astype(np.float32)
    plain, ours = keras.layers.BatchNormalization(), SyncBatchNormalization()
    for training in (True, False):
        np.testing.assert_array_equal(
            np.asarray(plain(images, training=training)), np.asarray(ours(images, training=training))
        )
    for mine, theirs in zip(ours.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_synchronise_reaches_networks_inside_networks() -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    inputs = keras.Input((3,))
    model = synchronise(keras.Model(inputs, keras.layers.BatchNormalization()(inner(inputs))))
    kinds = [type(layer) for layer in model._flatten_layers()]
    assert kinds.count(SyncBatchNormalization) == 2
    assert keras.layers.BatchNormalization not in kinds


def test_momentum_reaches_networks_inside_networks() -> None:
    inner = keras.Sequential([keras.Input((3,)), SyncBatchNormalization()])
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inner(inputs)))
    set_momentum(model, 0.5)
    images = np.array([[2.0, 2, 2]] * 4, np.float32)
    model(images, training=True)
    assert np.asarray(inner.layers[0].moving_mean).tolist() == [1, 1, 1]
    assert model.layers[-1].momentum == 0.5


def test_nothing_to_average_on_one_process() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    model.layers[0].moving_mean.assign([1.0, 2, 3])
    callback = AverageStatistics()
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    assert np.asarray(model.layers[0].moving_mean).tolist() == [1, 2, 3]
