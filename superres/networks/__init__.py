"""The fusion networks, chosen by name.

A network is a function of upsampled inputs (see `superres/networks/dsen2.py`); `build_network` puts the inputs at their
own GSD and the upsampling in front of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras

from common.errors import SettingError
from common.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor
from superres.layers import Upsample
from superres.networks import attention, dsen2

# Keras dtype policies: variables stay float32.
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclass(frozen=True)
class Network:
    """A network by name.

    Attributes:
        body: (inputs, number of output bands, dtype policy) -> output tensor.
        radius: receptive-field radius in pixels of the finest grid.
    """

    body: Callable[..., keras.KerasTensor]
    radius: int


NETWORKS = {
    "dsen2": Network(dsen2.dsen2, dsen2.receptive_radius(blocks=6)),
    "vdsen2": Network(dsen2.vdsen2, dsen2.receptive_radius(blocks=32)),
    "tiny": Network(dsen2.tiny, dsen2.receptive_radius(blocks=2)),
}

ATTENTION = "-attention"  # after a network's name: with the block of `superres/networks/attention.py`


def find_network(name: str) -> Network:
    """The network of a name of NETWORKS, or of such a name and ATTENTION.

    Raises:
        SettingError: unknown name.
    """
    base = name.removesuffix(ATTENTION)
    if base not in NETWORKS:
        raise SettingError(f"unknown network {name!r}; expected one of {', '.join(NETWORKS)}.")
    network = NETWORKS[base]
    if base == name:
        return network
    return replace(network, body=attention.with_attention(network.body), radius=network.radius + attention.RADIUS)


def build_network(name: str, gsd: int, precision: str = "float32") -> keras.Model:
    """A Keras model that sharpens the bands of one GSD by `scale_factor(gsd)`.

    Args:
        name: as for `find_network`.
        gsd: 20 or 60 m, the native GSD of the bands to sharpen.
        precision: one of PRECISIONS, for the convolutions inside the network.

    Returns:
        Model from a dict `input_10m` (B, H, W, 4), `input_20m` (B, H/2, W/2, 6) and, for 60 m, `input_60m`
        (B, H/6, W/6, 2), float32 in network units, to (B, H, W, bands of gsd). At training time everything is
        coarser by the scale factor, and the names stay.

    Raises:
        SettingError: unknown name or precision.
    """
    network = find_network(name)
    if precision not in PRECISIONS:
        raise SettingError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    inputs = {
        f"input_{g}m": keras.Input((None, None, len(BANDS_BY_GSD[g])), name=f"input_{g}m") for g in input_gsds(gsd)
    }
    upsampled = [
        tensor if g == 10 else Upsample(scale_factor(g), name=f"upsample_{g}m")(tensor)
        for g, tensor in zip(input_gsds(gsd), inputs.values(), strict=True)
    ]
    output = network.body(upsampled, len(BANDS_BY_GSD[gsd]), PRECISIONS[precision])
    return keras.Model(inputs, output, name=f"{name}_{gsd}m")


def margin_px(name: str, gsd: int) -> int:
    """Pixels at 10 m to cut off each side of a predicted window so that it equals the whole-image prediction.

    The receptive field, plus the half coarse pixel that bilinear upsampling needs, rounded up to whole coarse pixels
    of every input.
    """
    factor = scale_factor(gsd)
    return -(-(find_network(name).radius + factor // 2) // factor) * factor
