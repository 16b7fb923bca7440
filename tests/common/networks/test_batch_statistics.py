"""Batch normalisation in one process. `tests/mpi/test_bigearthnet.py` tests several ranks."""

import keras
import numpy as np
import pytest

import common.distributed as hvd
from common.networks.batch_statistics import (
    AverageStatistics,
    SyncBatchNormalization,
    replace_batch_normalisations,
    set_momentum,
)


def test_on_one_rank_the_synchronised_layer_equals_that_of_keras() -> None:
    images = np.random.default_rng(0).normal(3, 2, (4, 5, 5, 3)).astype(np.float32)
    plain, ours = keras.layers.BatchNormalization(), SyncBatchNormalization()
    for training in (True, False):
        np.testing.assert_array_equal(
            np.asarray(plain(images, training=training)), np.asarray(ours(images, training=training))
        )
    for variable, expected in zip(ours.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(expected))


def test_layers_of_nested_models_are_replaced_and_keep_their_weights() -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inner(inputs)))
    weights, images = model.get_weights(), np.ones((2, 3), np.float32)
    outputs = np.asarray(model(images))
    replace_batch_normalisations(model, SyncBatchNormalization)
    kinds = [type(layer) for layer in model._flatten_layers()]
    assert kinds.count(SyncBatchNormalization) == 2
    assert keras.layers.BatchNormalization not in kinds
    np.testing.assert_array_equal(np.asarray(model(images)), outputs)
    for array, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_momentum_is_set_in_nested_models() -> None:
    inner = keras.Sequential([keras.Input((3,)), SyncBatchNormalization()])
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inner(inputs)))
    set_momentum(model, 0.5)
    images = np.array([[2.0, 2, 2]] * 4, np.float32)
    model(images, training=True)
    assert np.asarray(inner.layers[0].moving_mean).tolist() == [1, 1, 1]
    assert model.layers[-1].momentum == 0.5


def test_one_rank_keeps_its_statistics() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    model.layers[0].moving_mean.assign([1.0, 2, 3])
    callback = AverageStatistics()
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    assert np.asarray(model.layers[0].moving_mean).tolist() == [1, 2, 3]


def test_moving_statistics_become_their_mean_over_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other variables that are not trained stay as they are."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
    model.layers[0].moving_mean.assign([1.0, 2.0])
    model.layers[0].moving_variance.assign([4.0, 4.0])
    seed = np.asarray(model.layers[1].seed_generator.state).copy()
    other_rank = [np.array([3.0, 6.0]), np.array([0.0, 2.0])]
    monkeypatch.setattr(hvd, "size", lambda: 2)
    monkeypatch.setattr(hvd, "allgather_object", lambda own: [own, other_rank])
    callback = AverageStatistics()
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    assert np.asarray(model.layers[0].moving_mean).tolist() == [2, 4]
    assert np.asarray(model.layers[0].moving_variance).tolist() == [2, 3]
    np.testing.assert_array_equal(np.asarray(model.layers[1].seed_generator.state), seed)
