"""Upsampling: bilinear against scikit-image, bicubic on a surface that it reproduces, and the layer's configuration."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from common.networks.upsample import Upsample


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 6]), st.integers(2, 20), st.integers(2, 20), st.integers(0, 99))
def test_bilinear_equals_scikit_image(factor: int, rows: int, cols: int, seed: int) -> None:
    image = np.random.default_rng(seed).uniform(0, 5, (rows, cols, 3)).astype(np.float32)
    upsampled = np.asarray(Upsample(factor)(image[None]))
    assert upsampled.dtype == np.float32
    shape = (rows * factor, cols * factor, 3)
    expected = resize(image.astype(np.float64), shape, order=1, mode="reflect", anti_aliasing=False)
    np.testing.assert_allclose(upsampled[0], expected, atol=1e-4)


@pytest.mark.parametrize("factor", [2, 6])
def test_bicubic_reproduces_a_quadratic_surface(factor: int) -> None:
    """As Keys' kernel with a = -0.5 does, away from the border; bilinear interpolation does not."""

    def surface(size: int) -> np.ndarray:
        position = (np.arange(size) + 0.5) / size
        return (position[:, None] ** 2 + 0.5 * position * position[:, None] - position).astype(np.float32)

    bicubic = np.asarray(Upsample(factor, "bicubic")(surface(20)[None, :, :, None]))[0, ..., 0]
    inside = slice(2 * factor, -2 * factor)
    np.testing.assert_allclose(bicubic[inside, inside], surface(20 * factor)[inside, inside], atol=2e-4)
    bilinear = np.asarray(Upsample(factor)(surface(20)[None, :, :, None]))[0, ..., 0]
    assert np.abs(bilinear - surface(20 * factor))[inside, inside].max() > 3e-4


@pytest.mark.parametrize("factor", [2, 6])
def test_constant_images_stay_constant_and_patches_stay_apart(factor: int) -> None:
    batch = np.arange(1, 4, dtype=np.float32)[:, None, None, None] * np.ones((3, 4, 5, 2), np.float32)
    upsampled = np.asarray(Upsample(factor)(batch))
    np.testing.assert_allclose(upsampled, batch.repeat(factor, axis=1).repeat(factor, axis=2), rtol=1e-6)


def test_result_does_not_depend_on_the_position() -> None:
    """At the far end of a full tile, pixels equal those at the start to the last bit."""
    coarse = np.random.default_rng(0).uniform(0, 2, (1, 1830, 4, 1)).astype(np.float32)
    whole = np.asarray(Upsample(6)(coarse))[:, -60:-6]
    np.testing.assert_array_equal(np.asarray(Upsample(6)(coarse[:, -12:]))[:, -60:-6], whole)


@pytest.mark.parametrize("factor", [2, 6])
def test_configuration_restores_the_layer(factor: int) -> None:
    layer = Upsample(factor, name="upsample_20m")
    restored = Upsample.from_config(layer.get_config())
    assert (restored.factor, restored.name, restored.compute_dtype) == (factor, "upsample_20m", "float32")
    image = np.random.default_rng(0).random((1, 3, 4, 2), np.float32)
    np.testing.assert_array_equal(np.asarray(layer(image)), np.asarray(restored(image)))
    deserialized = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(deserialized, Upsample)
    assert layer.compute_output_shape((None, 3, None, 2)) == (None, 3 * factor, None, 2)


def test_computes_in_float32_under_any_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = Upsample(2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert layer(np.ones((1, 2, 2, 1), np.float32)).dtype == "float32"
