"""Layers of the fusion networks: folding, convolutions, residual blocks."""

import keras
import numpy as np
import pytest

from superres.networks.layers import Fold, Unfold, convolution, residual_block


@pytest.mark.parametrize("factor", [2, 3])
def test_fold_turns_blocks_into_bands_and_unfold_turns_them_back(factor: int) -> None:
    image = np.random.default_rng(0).random((2, 6, 12, 5), np.float32)
    folded = np.asarray(Fold(factor)(image))
    assert folded.shape == Fold(factor).compute_output_shape(image.shape)
    block = image[:, factor : 2 * factor, 2 * factor : 3 * factor]
    np.testing.assert_array_equal(folded[:, 1, 2], block.reshape(2, -1))
    unfold = Unfold.from_config(Unfold(factor).get_config())
    np.testing.assert_array_equal(unfold(folded), image)
    assert unfold.compute_output_shape(folded.shape) == image.shape


@pytest.mark.parametrize("layer", [Fold, Unfold])
def test_folding_stays_in_float32_under_any_policy(layer: type[Fold]) -> None:
    """Also if a configuration names another type."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layers = layer(2), layer.from_config({"factor": 2, "dtype": "bfloat16"})
    finally:
        keras.config.set_dtype_policy("float32")
    assert [layer(np.ones((1, 2, 2, 4), np.float32)).dtype for layer in layers] == ["float32", "float32"]


def test_residual_block_adds_the_scaled_branch() -> None:
    """With kernels that pass each pixel on, the branch is relu(trunk)."""
    trunk = keras.Input((None, None, 3))
    model = keras.Model(trunk, residual_block(trunk, 0.1, "float32", "block"))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            kernel[1, 1] = np.eye(3)
            layer.set_weights([kernel, np.zeros(3)])
    image = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(image)), image + 0.1 * image.clip(0), rtol=1e-6)


def test_convolution_starts_he_uniform() -> None:
    keras.utils.set_random_seed(0)
    layer = convolution(64)
    layer.build((None, None, None, 32))
    kernel = np.asarray(layer.kernel)
    bound = (6 / (9 * 32)) ** 0.5
    assert bound * 0.95 < np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert layer(np.ones((1, 5, 7, 32), np.float32)).shape == (1, 5, 7, 64)
