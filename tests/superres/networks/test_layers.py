"""Layers: upsampling as scikit-image does it, folding, residual blocks."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from common.networks.upsample import Upsample
from superres.networks.layers import Fold, Unfold, convolution, residual_block


def by_scikit_image(image: np.ndarray, factor: int) -> np.ndarray:
    rows, cols, bands = image.shape
    return resize(
        image.astype(np.float64), (rows * factor, cols * factor, bands), order=1, mode="reflect", anti_aliasing=False
    )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 6]), st.integers(2, 9), st.integers(2, 9), st.integers(0, 99))
def test_upsample_equals_scikit_image(factor, rows, cols, seed):
    image = np.random.default_rng(seed).uniform(0, 5, (rows, cols, 3)).astype(np.float32)
    found = np.asarray(Upsample(factor)(image[None]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], by_scikit_image(image, factor), atol=1e-4)


@pytest.mark.parametrize("factor", [2, 6])
def test_upsample_keeps_constants_and_batches(factor):
    batch = np.arange(1, 4, dtype=np.float32)[:, None, None, None] * np.ones((3, 4, 5, 2), np.float32)
    found = np.asarray(Upsample(factor)(batch))
    np.testing.assert_allclose(found, batch.repeat(factor, axis=1).repeat(factor, axis=2), rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 6])
def test_upsample_survives_its_configuration(factor):
    layer = Upsample(factor, name="upsample_20m")
    again = Upsample.from_config(layer.get_config())
    assert (again.factor, again.name, again.compute_dtype) == (factor, "upsample_20m", "float32")
    image = np.random.default_rng(0).random((1, 3, 4, 2), np.float32)
    np.testing.assert_array_equal(np.asarray(layer(image)), np.asarray(again(image)))
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(restored, Upsample)
    assert layer.compute_output_shape((None, 3, None, 2)) == (None, 3 * factor, None, 2)


def test_upsample_computes_in_float32_under_any_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = Upsample(2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert layer(np.ones((1, 2, 2, 1), np.float32)).dtype == "float32"


@pytest.mark.parametrize("factor", [2, 3])
def test_a_block_becomes_bands_and_a_block_again(factor):
    image = np.random.default_rng(0).random((2, 6, 12, 5), np.float32)
    folded = np.asarray(Fold(factor)(image))
    assert folded.shape == Fold(factor).compute_output_shape(image.shape)
    np.testing.assert_array_equal(
        folded[:, 1, 2], image[:, factor : 2 * factor, 2 * factor : 3 * factor].reshape(2, -1)
    )
    unfold = Unfold.from_config(Unfold(factor).get_config())
    np.testing.assert_array_equal(unfold(folded), image)
    assert unfold.compute_output_shape(folded.shape) == image.shape


def test_residual_block_adds_a_tenth():
    trunk = keras.Input((None, None, 3))
    model = keras.Model(trunk, residual_block(trunk, 0.1, "float32", "block"))
    first, second = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    for layer in (first, second):  # pass the pixel in the middle on
        kernel = np.zeros(layer.kernel.shape)
        kernel[1, 1] = np.eye(3)
        layer.set_weights([kernel, np.zeros(3)])
    image = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(image)), image + 0.1 * image.clip(0), rtol=1e-6)


def test_convolution_starts_he_uniform():
    keras.utils.set_random_seed(0)
    layer = convolution(64)
    layer.build((None, None, None, 32))
    kernel = np.asarray(layer.kernel)
    bound = (6 / (9 * 32)) ** 0.5
    assert bound * 0.95 < np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert layer(np.ones((1, 5, 7, 32), np.float32)).shape == (1, 5, 7, 64)


def test_upsampling_does_not_depend_on_the_position():
    """At the far end of a full tile, pixels are what they are at the start: to the last bit."""
    coarse = np.random.default_rng(0).uniform(0, 2, (1, 1830, 4, 1)).astype(np.float32)
    whole = np.asarray(Upsample(6)(coarse))[:, -60:-6]
    np.testing.assert_array_equal(np.asarray(Upsample(6)(coarse[:, -12:]))[:, -60:-6], whole)
