"""Batch normalisation in one operation, against Keras'."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.networks.batch_normalization import BatchNormalization

TOLERANCE = {"float32": 2e-6, "bfloat16": 0.02, "float16": 2e-3}


def random_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)


def pair(dtype: str = "float32", **settings: object) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """Return Keras' layer and ours, with the same settings."""
    policy = dtype if dtype == "float32" else f"mixed_{dtype}"
    return tuple(
        kind(dtype=policy, momentum=0.9, **settings) for kind in (keras.layers.BatchNormalization, BatchNormalization)
    )


def train_once(layer: keras.layers.Layer, images: np.ndarray) -> list[np.ndarray]:
    """Return the outputs in training, the gradients, the moving statistics, and the outputs in prediction."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
    gradients = tape.gradient(loss, [images, *[variable.value for variable in layer.trainable_variables]])
    scaled = [gradient / tf.reduce_max(tf.abs(gradient)) for gradient in gradients]
    results = [outputs, *scaled, *layer.non_trainable_variables, layer(images, training=False)]
    return [np.asarray(tf.cast(tf.convert_to_tensor(result), tf.float32)) for result in results]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (3, 1, 1, 3)])
def test_results_are_those_of_keras(dtype: str, shape: tuple[int, ...]) -> None:
    """The few pixels of (3, 1, 1, 3) show the divisor of the variance."""
    theirs, ours = (train_once(layer, random_images(shape)) for layer in pair(dtype))
    for index, (array, expected) in enumerate(zip(ours, theirs, strict=True)):
        np.testing.assert_allclose(array, expected, rtol=0, atol=TOLERANCE[dtype] * 3, err_msg=str(index))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_statistics_and_variables_are_float32_at_any_precision(dtype: str) -> None:
    """The mean of 4,096 values near 1000 has more digits than bfloat16 or float16 could sum."""
    layer = pair(dtype)[1]
    images = 1000 + np.tile(np.array([-4.0, 4.0], np.float32), 2048).reshape(1, 64, 64, 1)
    outputs = layer(images, training=True)
    assert outputs.dtype == dtype
    assert {variable.dtype for variable in layer.variables} == {"float32"}
    stored = np.asarray(tf.cast(tf.cast(images, dtype), tf.float32))
    np.testing.assert_allclose(np.asarray(layer.moving_mean), 0.1 * stored.mean(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.moving_variance), 0.9 + 0.1 * stored.var(), rtol=1e-3)


def test_a_layer_that_is_not_trained_keeps_its_statistics() -> None:
    theirs, ours = pair()
    for layer in (theirs, ours):
        layer.build((None, 6, 5, 3))
        layer.trainable = False
    images = random_images((4, 6, 5, 3))
    np.testing.assert_allclose(ours(images, training=True), theirs(images, training=True), atol=1e-6)
    assert np.asarray(ours.moving_mean).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "shape, settings", [((8, 3), {}), ((2, 4, 4, 3), {"axis": 1}), ((2, 4, 4, 3), {"scale": False})]
)
def test_keras_normalises_the_rest(shape: tuple[int, ...], settings: dict) -> None:
    theirs, ours = (layer(random_images(shape), training=True) for layer in pair(**settings))
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_files_of_weights_are_those_of_keras(tmp_path: Path) -> None:
    theirs, ours = (keras.Sequential([keras.Input((4, 4, 3)), layer]) for layer in pair())
    theirs(random_images((2, 4, 4, 3)), training=True)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    for array, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_statistics_do_not_depend_on_whether_tensorflow_knows_the_shape() -> None:
    images, statistics = random_images((3, 1, 1, 3)), []
    for batch in (3, None):
        _, layer = pair()
        layer.build((None, 1, 1, 3))
        signature = [tf.TensorSpec((batch, 1, 1, 3), tf.float32)]
        tf.function(lambda images, layer=layer: layer(images, training=True), input_signature=signature)(images)
        statistics.append(np.asarray(layer.moving_variance))
    np.testing.assert_array_equal(*statistics)
