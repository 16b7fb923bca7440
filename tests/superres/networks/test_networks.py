"""Networks: parameter counts, shared checks, receptive fields, and which layers compute in which precision."""

from functools import cache

import keras
import numpy as np
import pytest

from common.errors import SettingError
from superres.evaluation.cost import multiplications_per_pixel
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, UPSAMPLINGS, margin_px
from tests.support.checks import check_network, random_batch

# From the definition in Lanaras et al. 2018: first, 2 x blocks, and last 3 x 3 convolution, with biases.
PARAMETERS = {
    ("dsen2", 20): 1_789_574,
    ("dsen2", 60): 1_787_266,
    ("vdsen2", 20): 37_802_246,
    ("tiny", 20): 41_638,
    ("tiny", 60): 41_058,
    ("palsson", 20): 455_494,
    ("palsson", 60): 454_338,
    ("fuse", 20): 29_206,
    ("fuse", 60): 28_914,
    ("lowres", 20): 1_824_152,
    ("lowres", 60): 1_808_008,
}
LARGE = {"vdsen2"}  # seconds a step


@cache
def network(name: str, gsd: int) -> keras.Model:
    """Shared by tests that do not care for its weights: large ones take a second to build."""
    return build_network(name, gsd)


@pytest.mark.parametrize("name, gsd", PARAMETERS)
def test_parameters(name, gsd):
    assert network(name, gsd).count_params() == PARAMETERS[name, gsd]


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in LARGE])
def test_network(name, gsd):
    check_network(name, gsd)


@pytest.mark.parametrize("gsd", [20, 60])
def test_training_starts_at_the_upsampled_image(gsd):
    """The last convolution starts from zero weights."""
    model = build_network("dsen2", gsd)
    inputs = {
        key: np.full((1, 60 // int(key[6:-1]), 60 // int(key[6:-1]), tensor.shape[-1]), 0.5, np.float32)
        for key, tensor in model.input.items()
    }
    inputs = {key: image.repeat(2, axis=1).repeat(2, axis=2) for key, image in inputs.items()}
    np.testing.assert_allclose(np.asarray(model(inputs)), 0.5, rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_receptive_field(name):
    """From zero input and with positive weights, one lit pixel lights exactly what sees it.

    A network on the 20 m grid sees one pixel less to one of the sides, which one depends on the pixel.
    """
    reach = NETWORKS[name].reach
    middle = 2 * ((reach + 4) // 2)
    lit = lit_columns(network(name, 20), 20, middle, "input_10m") - middle
    assert lit.tolist() == list(range(lit.min(), lit.max() + 1))
    assert (-lit.min(), lit.max()) == (reach - NETWORKS[name].at_own_gsd, reach)


@pytest.mark.parametrize(
    "name, gsd, upsample",
    [
        *((name, gsd, upsample) for name in ("tiny", "lowres") for gsd in (20, 60) for upsample in UPSAMPLINGS[:3]),
        ("lowres", 20, "none"),
        ("lowres", 60, "none"),
    ],
)
def test_margin_holds_all_that_is_seen(name, gsd, upsample):
    """Windows are whole coarse pixels: none sees a coarse pixel beyond its margin, and some see the last one in it, or,
    on the 20 m grid, where upsampled bands may be but added at the end, the last but two."""
    factor, margin = gsd // 10, margin_px(name, gsd, upsample)
    model = build_network(name, gsd, upsample=upsample)
    middle = margin // factor + 2
    seen = {key: lit_columns(model, gsd, middle * factor, key) // factor - middle for key in model.input}
    farthest = max(int(np.abs(blocks).max()) for blocks in seen.values())
    assert farthest <= margin // factor
    assert farthest >= margin // factor - 2 * NETWORKS[name].at_own_gsd


def lit_columns(model: keras.Model, gsd: int, col: int, key: str) -> np.ndarray:
    """The columns of the output that change where one column of an input is lit, all weights being positive."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full(layer.kernel.shape, 0.01), np.zeros(layer.bias.shape)])
    cols = 12 * (col // 6 + 1)
    images = {
        name: np.zeros((1, 24 * 10 // int(name[6:-1]), cols * 10 // int(name[6:-1]), tensor.shape[-1]), np.float32)
        for name, tensor in model.input.items()
    }
    seen = np.zeros(cols, bool)
    for light in (1, -1):  # bicubic weights have both signs, and what is negative ends in the next ReLU
        images[key][:, :, col * 10 // int(key[6:-1])] = light
        seen |= np.asarray(model(images))[0, 12, :, 0] != 0
    return np.flatnonzero(seen)


@pytest.mark.parametrize("name", ["dsen2", "fuse", "lowres"])
def test_work_is_that_of_the_kernels(name):
    """On the finest grid each weight but the biases is used once a pixel; on the 20 m grid for every fourth."""
    kernels = sum(np.prod(layer.kernel.shape) for layer in network(name, 20).layers if hasattr(layer, "kernel"))
    assert multiplications_per_pixel(network(name, 20)) == kernels / (4 if name == "lowres" else 1)


def test_upsampling_is_what_the_network_is_given():
    """At the start of training the result is the upsampled input; where there is no such input it is not."""
    inputs, _ = random_batch(20)
    found = {name: np.asarray(build_network("tiny", 20, upsample=name)(inputs)) for name in UPSAMPLINGS[:3]}
    nearest = inputs["input_20m"].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(found["nearest"], nearest, rtol=1e-6)
    assert np.abs(found["bilinear"] - found["bicubic"]).max() > 0.01
    on_coarse_grid = {name: np.asarray(build_network("lowres", 20, upsample=name)(inputs)) for name in UPSAMPLINGS}
    for name, image in found.items():
        np.testing.assert_allclose(on_coarse_grid[name], image, rtol=1e-6)
    assert np.abs(on_coarse_grid["none"] - nearest).mean() > 0.1


@pytest.mark.parametrize(
    "name, gsd, margin",
    [("dsen2", 20, 16), ("dsen2", 60, 18), ("vdsen2", 20, 68), ("vdsen2", 60, 72), ("lowres", 20, 30)],
)
def test_margins(name, gsd, margin):
    """Radius 14, 66 or 29, and half a coarse pixel, in whole coarse pixels."""
    assert margin_px(name, gsd) == margin


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("gsd", [20, 60])
def test_only_convolutions_of_the_blocks_are_in_half_precision(precision, gsd):
    model = build_network("dsen2", gsd, precision)
    computed = {layer.name: layer.compute_dtype for layer in model.layers}
    half = {name for name, dtype in computed.items() if dtype == precision}
    first = {20: 1, 60: 2}[gsd]
    assert half == {f"block{block:02d}_conv{number}" for block in range(first, 7) for number in (1, 2)}
    assert {dtype for name, dtype in computed.items() if name not in half} == {"float32"}
    assert {str(variable.dtype) for variable in model.variables} == {"float32"}
    assert model.output.dtype == "float32"


def test_float32_is_the_default():
    assert {layer.compute_dtype for layer in build_network("dsen2", 20).layers} == {"float32"}


def test_half_precision_moves_the_result_little():
    rng = np.random.default_rng(0)
    inputs = {"input_10m": rng.uniform(0, 1, (1, 12, 12, 4)), "input_20m": rng.uniform(0, 1, (1, 6, 6, 6))}
    inputs = {key: image.astype(np.float32) for key, image in inputs.items()}
    full, half = (build_network("dsen2", 20, precision) for precision in ("float32", "bfloat16"))
    full.get_layer("last").kernel.assign(rng.normal(0, 0.03, full.get_layer("last").kernel.shape))
    half.set_weights(full.get_weights())
    expected, found = np.asarray(full(inputs)), np.asarray(half(inputs))
    assert 0 < np.abs(found - expected).max() < 0.05 * expected.std()


def test_unknown_names():
    with pytest.raises(SettingError, match="unknown network 'dsen3'; expected one of dsen2, vdsen2"):
        build_network("dsen3", 20)
    with pytest.raises(SettingError, match="unknown precision 'int8'; expected one of float32, bfloat16, float16"):
        build_network("dsen2", 20, "int8")
    with pytest.raises(SettingError, match="unknown upsampling 'lanczos'; expected one of bilinear, bicubic, nearest"):
        build_network("dsen2", 20, upsample="lanczos")
    with pytest.raises(SettingError, match=r"--upsample none does not go with dsen2, .*; give lowres, or another"):
        build_network("dsen2", 20, upsample="none")
    with pytest.raises(ValueError, match="gsd must be 20 or 60 m; got 10"):
        build_network("dsen2", 10)
