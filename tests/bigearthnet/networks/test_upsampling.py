"""Bands come to the finest grid in their order, whichever way."""

import keras
import numpy as np
import pytest

from bigearthnet.networks.catalogue import UPSAMPLINGS
from bigearthnet.networks.upsampling import STEM_FEATURES, stem, upsample_to_one_grid

SHAPES = {"s2_10m": (120, 120, 4), "s2_20m": (60, 60, 6), "s2_60m": (20, 20, 2)}


def make_inputs(shapes: dict[str, tuple[int, int, int]]) -> dict[str, keras.KerasTensor]:
    return {group: keras.Input(shape, name=group) for group, shape in shapes.items()}


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
def test_one_grid_keeps_the_finest_and_the_order_of_bands(upsampling: str) -> None:
    inputs = make_inputs(SHAPES)
    model = keras.Model(inputs, upsample_to_one_grid(inputs, upsampling))
    rng = np.random.default_rng(0)
    images = {group: rng.normal(size=(2, *shape)).astype(np.float32) for group, shape in SHAPES.items()}
    stacked = np.asarray(model(images))
    assert stacked.shape == (2, 120, 120, 12)
    np.testing.assert_array_equal(stacked[..., :4], images["s2_10m"])
    for group, bands in (("s2_20m", slice(4, 10)), ("s2_60m", slice(10, 12))):
        np.testing.assert_allclose(stacked[..., bands].mean(axis=(1, 2)), images[group].mean(axis=(1, 2)), atol=0.02)


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
def test_images_on_one_grid_are_only_stacked(upsampling: str) -> None:
    inputs = make_inputs({"s2_10m": (12, 12, 4), "s1": (12, 12, 2)})
    model = keras.Model(inputs, upsample_to_one_grid(inputs, upsampling))
    assert model.output_shape == (None, 12, 12, 6)
    assert not any(layer.name.endswith("_upsampled") for layer in model.layers)


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
def test_one_image_alone_stays_as_it_is(upsampling: str) -> None:
    inputs = make_inputs({"s2_20m": (12, 12, 6)})
    assert upsample_to_one_grid(inputs, upsampling) is inputs["s2_20m"]


def test_stem_gives_each_gsd_its_features() -> None:
    assert upsample_to_one_grid(make_inputs(SHAPES), "stem").shape == (None, 120, 120, 3 * STEM_FEATURES)


@pytest.mark.parametrize("scale_factor", [1, 2, 6])
def test_stem_reaches_the_finest_grid(scale_factor: int) -> None:
    assert stem(keras.Input((4, 4, 3)), scale_factor, "any").shape == (
        None,
        4 * scale_factor,
        4 * scale_factor,
        STEM_FEATURES,
    )


def test_no_other_upsampling_is_offered() -> None:
    """The tests above name all of them."""
    assert set(UPSAMPLINGS) == {"bilinear", "bicubic", "stem"}
