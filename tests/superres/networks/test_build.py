"""`build_network`: inputs, outputs and training of every network, the upsampling, and the precision of each layer."""

import numpy as np
import pytest

from common.errors import SettingError
from common.pixels.sentinel2 import Gsd
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, UPSAMPLINGS
from tests.support.checks import check_network, gsds_of, random_batch


@pytest.mark.parametrize(
    "name, gsd",
    [(name, gsd) for name in NETWORKS for gsd in gsds_of(name) if name != "vdsen2"],  # it takes seconds a step
)
def test_every_network_passes_the_shared_check(name: str, gsd: Gsd) -> None:
    check_network(name, gsd)


@pytest.mark.parametrize("gsd", [20, 60])
def test_training_starts_at_the_upsampled_image(gsd: int) -> None:
    """The last convolution starts with zero weights."""
    model = build_network("dsen2", gsd)
    inputs = {
        key: np.full((1, 60 // int(key[6:-1]), 60 // int(key[6:-1]), tensor.shape[-1]), 0.5, np.float32)
        for key, tensor in model.input.items()
    }
    inputs = {key: image.repeat(2, axis=1).repeat(2, axis=2) for key, image in inputs.items()}
    np.testing.assert_allclose(np.asarray(model(inputs)), 0.5, rtol=1e-6)


def test_upsampling_is_the_requested_one() -> None:
    """An untrained network returns the upsampled input, except with `none`, where no input is upsampled."""
    inputs, _ = random_batch(20)
    upsampled = {name: np.asarray(build_network("tiny", 20, upsample=name)(inputs)) for name in UPSAMPLINGS[:3]}
    nearest = inputs["input_20m"].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(upsampled["nearest"], nearest, rtol=1e-6)
    assert np.abs(upsampled["bilinear"] - upsampled["bicubic"]).max() > 0.01
    on_coarse_grid = {name: np.asarray(build_network("lowres", 20, upsample=name)(inputs)) for name in UPSAMPLINGS}
    for name, image in upsampled.items():
        np.testing.assert_allclose(on_coarse_grid[name], image, rtol=1e-6)
    assert np.abs(on_coarse_grid["none"] - nearest).mean() > 0.1


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("gsd", [20, 60])
def test_only_convolutions_of_the_blocks_compute_in_half_precision(precision: str, gsd: int) -> None:
    model = build_network("dsen2", gsd, precision)
    dtypes = {layer.name: layer.compute_dtype for layer in model.layers}
    half = {name for name, dtype in dtypes.items() if dtype == precision}
    first = {20: 1, 60: 2}[gsd]
    assert half == {f"block{block:02d}_conv{number}" for block in range(first, 7) for number in (1, 2)}
    assert {dtype for name, dtype in dtypes.items() if name not in half} == {"float32"}
    assert {str(variable.dtype) for variable in model.variables} == {"float32"}
    assert model.output.dtype == "float32"


def test_default_precision_is_float32() -> None:
    assert {layer.compute_dtype for layer in build_network("dsen2", 20).layers} == {"float32"}


def test_half_precision_changes_the_result_little() -> None:
    rng = np.random.default_rng(0)
    inputs = {"input_10m": rng.uniform(0, 1, (1, 12, 12, 4)), "input_20m": rng.uniform(0, 1, (1, 6, 6, 6))}
    inputs = {key: image.astype(np.float32) for key, image in inputs.items()}
    full, half = (build_network("dsen2", 20, precision) for precision in ("float32", "bfloat16"))
    full.get_layer("last").kernel.assign(rng.normal(0, 0.03, full.get_layer("last").kernel.shape))
    half.set_weights(full.get_weights())
    in_float32, in_bfloat16 = np.asarray(full(inputs)), np.asarray(half(inputs))
    assert 0 < np.abs(in_bfloat16 - in_float32).max() < 0.05 * in_float32.std()


def test_unknown_names_and_gsd() -> None:
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
