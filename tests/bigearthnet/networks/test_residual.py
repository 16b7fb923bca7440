"""Residual networks: sizes of blocks and stages, and the shortcut."""

import keras
import numpy as np
import pytest

from bigearthnet.networks.residual import residual_block, residual_stages, resnet18, small


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [4, 6])
def test_block_changes_size_and_width(stride: int, width: int) -> None:
    assert residual_block(keras.Input((8, 8, 4)), width, stride, "block").shape == (
        None,
        8 // stride,
        8 // stride,
        width,
    )


def test_shortcut_is_projected_only_if_size_or_width_changes() -> None:
    for width, stride, is_projected in ((4, 1, False), (6, 1, True), (4, 2, True)):
        image = keras.Input((8, 8, 4))
        model = keras.Model(image, residual_block(image, width, stride, "block"))
        assert any(layer.name == "block_shortcut_conv" for layer in model.layers) == is_projected


def test_block_activates_only_the_sum() -> None:
    """Neither the branch nor a projected shortcut may lose its negative values before."""
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, residual_block(image, 6, 1, "block"))
    for variable in model.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    for branch, shortcut in ((5.0, -4.0), (-5.0, 6.0), (-5.0, 4.0)):
        model.get_layer("block_2_norm").beta.assign(np.full(6, branch))
        model.get_layer("block_shortcut_norm").beta.assign(np.full(6, shortcut))
        np.testing.assert_allclose(model(np.ones((1, 8, 8, 4))), max(branch + shortcut, 0))


def test_each_stage_after_the_first_halves_the_size() -> None:
    image = keras.Input((16, 16, 4))
    model = keras.Model(image, residual_stages(image, widths=(4, 5, 6), blocks=2))
    sizes = [model.get_layer(f"stage{stage}_block2_relu").output.shape[1:] for stage in (1, 2, 3)]
    assert sizes == [(16, 16, 4), (8, 8, 5), (4, 4, 6)]
    assert model.output_shape == (None, 6)


@pytest.mark.parametrize("body, features", [(small, 64), (resnet18, 512)])
def test_features(body, features: int) -> None:
    assert body(keras.Input((32, 32, 5))).shape == (None, features)
