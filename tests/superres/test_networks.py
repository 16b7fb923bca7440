"""Networks: parameter counts, shared checks, receptive fields, and which layers compute in which precision."""

from functools import cache

import keras
import numpy as np
import pytest

from common.errors import SettingError
from superres.networks import NETWORKS, build_network, margin_px
from tests.checks import check_network

# From the definition in Lanaras et al. 2018: first, 2 x blocks, and last 3 x 3 convolution, with biases.
PARAMETERS = {
    ("dsen2", 20): 1_789_574,
    ("dsen2", 60): 1_787_266,
    ("vdsen2", 20): 37_802_246,
    ("tiny", 20): 41_638,
    ("tiny", 60): 41_058,
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
    """From zero input and with positive weights, one lit pixel lights exactly what sees it."""
    model = network(name, 20)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full(layer.kernel.shape, 0.01), np.zeros(layer.bias.shape)])
    radius = NETWORKS[name].radius
    cols = 2 * (radius + 3)
    fine = np.zeros((1, 4, cols, 4), np.float32)
    fine[0, 1, cols // 2] = 1
    seen = np.asarray(model({"input_10m": fine, "input_20m": np.zeros((1, 2, cols // 2, 6), np.float32)}))
    lit = np.flatnonzero(seen[0, 1, :, 0])
    assert lit.tolist() == list(range(cols // 2 - radius, cols // 2 + radius + 1))


@pytest.mark.parametrize(
    "name, gsd, margin", [("dsen2", 20, 16), ("dsen2", 60, 18), ("vdsen2", 20, 68), ("vdsen2", 60, 72)]
)
def test_margins(name, gsd, margin):
    """Radius 14 or 66, and half a coarse pixel, in whole coarse pixels."""
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
    with pytest.raises(ValueError, match="gsd must be 20 or 60 m; got 10"):
        build_network("dsen2", 10)
