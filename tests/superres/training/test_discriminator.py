"""The discriminator: spectral normalisation, the bands that it reads, and the pixels that a score depends on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from superres.training.discriminator import (
    DETAIL_GAIN,
    PART_PX,
    DiscriminatorInput,
    SpectralConv2D,
    build_discriminator,
    iterate_power,
)
from tests.support.checks import random_batch


@pytest.fixture(scope="module")
def layer() -> SpectralConv2D:
    keras.utils.set_random_seed(0)
    layer = SpectralConv2D(5, 3, padding="same", kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))
    layer.build((None, None, None, 4))
    return layer


def test_power_iterations_find_the_largest_singular_value(layer: SpectralConv2D) -> None:
    for _ in range(300):
        layer.iterate()
    assert np.linalg.norm(layer.direction) == pytest.approx(1, rel=1e-5)
    image = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype(np.float32)
    largest = np.linalg.svd(np.asarray(layer.kernel).reshape(-1, 5), compute_uv=False)[0]
    expected = tf.nn.conv2d(image, np.asarray(layer.kernel) / largest, 1, "SAME")
    np.testing.assert_allclose(layer(image), expected, rtol=1e-4, atol=1e-5)


def test_gradients_pass_through_the_norm(layer: SpectralConv2D) -> None:
    """The output does not change with the length of the kernel, so that the gradient along the kernel is zero."""
    image = tf.constant(np.random.default_rng(1).normal(size=(1, 6, 6, 4)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(image) ** 3)
    slope = tape.gradient(loss, layer.kernel.value).numpy()
    along = np.sum(slope * layer.kernel) / (np.linalg.norm(slope) * np.linalg.norm(layer.kernel))
    assert np.linalg.norm(slope) > 0 and abs(along) < 1e-5


@pytest.mark.parametrize("gsd", [20, 60])
def test_stack_of_the_discriminator(gsd: int) -> None:
    """Each candidate comes with the same inputs, as its difference to the upsampled bands."""
    inputs, target = random_batch(gsd)
    stack_bands = DiscriminatorInput(gsd)
    stack = np.asarray(stack_bands(inputs, target, target + 0.25))
    assert stack.shape == (4, 12, 12, stack_bands.bands)
    bands = target.shape[-1]
    np.testing.assert_array_equal(stack[:2, ..., :-bands], stack[2:, ..., :-bands])
    np.testing.assert_array_equal(stack[:2, ..., :4], inputs["input_10m"])
    np.testing.assert_allclose(stack[2:, ..., -bands:] - stack[:2, ..., -bands:], 0.25 * DETAIL_GAIN, rtol=1e-4)
    flat = {name: np.full_like(image, 0.5) for name, image in inputs.items()}
    stack = np.asarray(stack_bands(flat, np.full_like(target, 0.5)))
    np.testing.assert_allclose(stack[..., 4:8], 0, atol=1e-4)
    np.testing.assert_allclose(stack[..., -bands:], 0, atol=1e-4)


def test_parameters_and_receptive_field() -> None:
    model = build_discriminator(20)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == 418_689
    iterate_power(model)
    size = 48
    image = tf.Variable(
        np.random.default_rng(0).normal(size=(1, size, size, DiscriminatorInput(20).bands)), dtype=tf.float32
    )
    with tf.GradientTape() as tape:
        scores = model(image)
        middle = scores[0, 6, 6, 0]
    assert scores.shape == (1, size // 4, size // 4, 1)
    slopes = np.abs(tape.gradient(middle, image).numpy())[0]
    rows, cols, bands = (np.flatnonzero(slopes.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    assert np.ptp(rows) + 1 == np.ptp(cols) + 1 == PART_PX
    assert len(bands) == DiscriminatorInput(20).bands  # the inputs as well as the candidate
