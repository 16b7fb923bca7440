"""The layers of all networks, in one file for `dsen2.py`, `fuse.py`, `joint.py`, `lowres.py` and `palsson.py`: parameters, reach, work."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.pixels.sentinel2 import JOINT, Gsd, scale_factor
from superres.evaluation.cost import multiplications_per_pixel
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, UPSAMPLINGS
from superres.networks.margin import margin_px
from tests.support.checks import gsds_of

# DSen2 and VDSen2 from the definition in Lanaras et al. 2018: first, 2 x blocks, and last 3 x 3 convolution, with biases.
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
    ("joint", JOINT): 1_155_628,
}


@cache
def built_model(name: str, gsd: Gsd) -> keras.Model:
    """Return a model that several tests share, because a large one takes a second to build; its weights are arbitrary."""
    return build_network(name, gsd)


@pytest.mark.parametrize("name, gsd", PARAMETERS)
def test_parameters(name: str, gsd: Gsd) -> None:
    assert built_model(name, gsd).count_params() == PARAMETERS[name, gsd]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "vdsen2" else []) for name in NETWORKS]
)
def test_reach_is_the_receptive_field(name: str) -> None:
    """Some pixels on a side of a coarse pixel see as far as the reach, on each side, and none sees farther."""
    reach = NETWORKS[name].reach
    gsd = gsds_of(name)[0]
    factor = scale_factor(gsd)
    middle = factor * ((reach + 12) // factor)
    farthest = []
    for col in range(middle, middle + factor):
        seen = columns_seen(built_model(name, gsd), col)["input_10m"] - col
        assert seen.tolist() == list(range(seen.min(), seen.max() + 1))
        farthest.append((-seen.min(), seen.max()))
    assert np.max(farthest, axis=0).tolist() == [reach, reach]


@pytest.mark.parametrize(
    "name, gsd, upsample",
    [
        *((name, gsd, upsample) for name in ("tiny", "lowres") for gsd in (20, 60) for upsample in UPSAMPLINGS[:3]),
        ("lowres", 20, "none"),
        ("lowres", 60, "none"),
        *(("joint", JOINT, upsample) for upsample in UPSAMPLINGS),
    ],
)
def test_margin_holds_all_pixels_that_a_window_depends_on(name: str, gsd: Gsd, upsample: str) -> None:
    """Windows are whole coarse pixels. No window depends on a coarse pixel beyond its margin, and some depend on the last
    one in it. On the 20 m grid, where upsampled bands are added at the end, that may be the last but two."""
    factor, margin = scale_factor(gsd), margin_px(name, gsd, upsample)
    model = build_network(name, gsd, upsample=upsample)
    middle = margin // factor + 2
    farthest = max(
        int(np.abs(columns * int(key[6:-1]) // 10 // factor - middle).max())
        for col in range(middle * factor, (middle + 1) * factor)
        for key, columns in columns_seen(model, col).items()
    )
    assert farthest <= margin // factor
    assert farthest >= margin // factor - 2 * NETWORKS[name].at_own_gsd


def columns_seen(model: keras.Model, col: int) -> dict[str, np.ndarray]:
    """Return the columns of each input on which a column of the result depends: those where its gradient is not zero.

    Images and weights are random, so that no two parts of a gradient cancel.
    """
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = rng.normal(0, 0.1, layer.kernel.shape)
            layer.set_weights([kernel, np.full(layer.bias.shape, 0.1)])
    rows, cols = 24, 12 * (col // 6 + 1)
    images = {
        name: tf.constant(rng.uniform(0, 1, (1, rows * 10 // gsd, cols * 10 // gsd, tensor.shape[-1])), tf.float32)
        for (name, tensor), gsd in zip(model.input.items(), (10, 20, 60), strict=False)
    }
    with tf.GradientTape() as tape:
        tape.watch(images)
        result = tf.reduce_sum(model(images)[0, rows // 2, col])
    gradients = tape.gradient(result, images)
    return {name: np.flatnonzero(np.abs(gradient[0]).max(axis=(0, 2))) for name, gradient in gradients.items()}


@pytest.mark.parametrize("name", ["dsen2", "fuse", "lowres", "joint"])
def test_work_follows_from_the_kernels(name: str) -> None:
    """On the finest grid each weight except the biases is used once a pixel; on the 20 m grid, once every fourth pixel."""
    model = built_model(name, gsds_of(name)[0])
    weights = sum(np.prod(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel"))
    assert multiplications_per_pixel(model) == weights / (4 if NETWORKS[name].at_own_gsd else 1)
