"""The layers of all networks, in one file for `dsen2.py`, `fuse.py`, `joint.py`, `lowres.py` and `palsson.py`: parameters, reach, work."""

from functools import cache

import keras
import numpy as np
import pytest

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
    ("joint", JOINT): 1_089_928,
}
# Pixels at 10 m to the farthest column that is seen with another contrast. A column of zeros shows no change of contrast.
CONTRAST_REACH = {"joint": 24}


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
    """With zero input and positive weights, one changed column changes exactly the columns that depend on it.

    A network on the 20 m grid reaches one pixel less on one side; the side depends on the pixel.
    """
    reach = NETWORKS[name].reach
    middle = 2 * ((reach + 4) // 2)
    model = built_model(name, gsds_of(name)[0])
    changed = changed_columns(model, middle, "input_10m", CONTRAST_REACH.get(name)) - middle
    assert changed.tolist() == list(range(changed.min(), changed.max() + 1))
    assert (-changed.min(), changed.max()) == (reach - NETWORKS[name].at_own_gsd, reach)


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
    beside = {"input_10m": CONTRAST_REACH.get(name)}
    changed = {
        key: changed_columns(model, middle * factor, key, beside.get(key)) // factor - middle for key in model.input
    }
    farthest = max(int(np.abs(coarse_columns).max()) for coarse_columns in changed.values())
    assert farthest <= margin // factor
    assert farthest >= margin // factor - 2 * NETWORKS[name].at_own_gsd


def changed_columns(model: keras.Model, col: int, key: str, beside: int | None = None) -> np.ndarray:
    """Return the columns of the output that change with one column of one input, after all weights were made positive.

    The images are zero, but for one column `beside` columns to each side of the changed one, if given.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full(layer.kernel.shape, 0.01), np.zeros(layer.bias.shape)])
    cols = 12 * (col // 6 + 1)
    images = {
        name: np.zeros((1, 24 * 10 // int(name[6:-1]), cols * 10 // int(name[6:-1]), tensor.shape[-1]), np.float32)
        for name, tensor in model.input.items()
    }
    if beside:
        images[key][:, :, [col - beside, col + beside]] = 1
    unchanged, changed = np.asarray(model(images))[0, 12], np.zeros(cols, bool)
    for value in (1, -1):  # bicubic weights have both signs, and a ReLU stops negative values
        images[key][:, :, col * 10 // int(key[6:-1])] = value
        changed |= (np.asarray(model(images))[0, 12] != unchanged).any(axis=-1)
    return np.flatnonzero(changed)


@pytest.mark.parametrize("name", ["dsen2", "fuse", "lowres", "joint"])
def test_work_follows_from_the_kernels(name: str) -> None:
    """On the finest grid each weight except the biases is used once a pixel; on the 20 m grid, once every fourth pixel."""
    model = built_model(name, gsds_of(name)[0])
    weights = sum(np.prod(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel"))
    assert multiplications_per_pixel(model) == weights / (4 if NETWORKS[name].at_own_gsd else 1)
