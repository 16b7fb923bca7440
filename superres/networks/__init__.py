"""The fusion networks, chosen by name.

A network is a function of upsampled inputs (see `superres/networks/dsen2.py`), or of inputs at their own GSD (see
`superres/networks/lowres.py`); `build_network` puts the inputs, and the upsampling, in front of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras

from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.networks.upsample import REACH_PX, Upsample
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor
from superres.networks import attention, dsen2, fuse, lowres, palsson

NO_UPSAMPLING = "none"
UPSAMPLINGS = ("bilinear", "bicubic", "nearest", NO_UPSAMPLING)  # bilinear as in the DSen2 paper


@dataclass(frozen=True)
class Network:
    """A network by name.

    Attributes:
        body: (inputs, number of output bands, dtype policy) -> output tensor.
        reach: receptive-field radius in pixels of the finest grid.
        at_own_gsd: the body takes inputs at their own GSD, and as a last argument how to upsample; otherwise it takes
            upsampled inputs.
    """

    body: Callable[..., keras.KerasTensor]
    reach: int
    at_own_gsd: bool = False


NETWORKS = {
    "dsen2": Network(dsen2.dsen2, dsen2.reach_px(blocks=6)),
    "vdsen2": Network(dsen2.vdsen2, dsen2.reach_px(blocks=32)),
    "palsson": Network(palsson.palsson, dsen2.reach_px(palsson.BLOCKS)),
    "fuse": Network(fuse.fuse, len(fuse.FEATURES) + 1),
    "lowres": Network(lowres.lowres, lowres.reach_px(), at_own_gsd=True),
    "tiny": Network(dsen2.tiny, dsen2.reach_px(blocks=2)),
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
    return replace(network, body=attention.with_attention(network.body), reach=network.reach + attention.REACH_PX)


def build_network(name: str, gsd: int, precision: str = "float32", upsample: str = "bilinear") -> keras.Model:
    """A Keras model that sharpens the bands of one GSD by `scale_factor(gsd)`.

    Args:
        name: as for `find_network`.
        gsd: 20 or 60 m, the native GSD of the bands to sharpen.
        precision: one of PRECISIONS, for the convolutions inside the network.
        upsample: one of UPSAMPLINGS: how the coarse bands reach the finest grid before the network sees them and adds
            its result to them. `none`: not at all, for networks that can do without.

    Returns:
        Model from a dict `input_10m` (B, H, W, 4), `input_20m` (B, H/2, W/2, 6) and, for 60 m, `input_60m`
        (B, H/6, W/6, 2), float32 in network units, to (B, H, W, bands of gsd). At training time everything is
        coarser by the scale factor, and the names stay.

    Raises:
        SettingError: unknown name, precision or upsampling, or they do not go together.
    """
    check_network(name, upsample)
    if precision not in PRECISIONS:
        raise SettingError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    network, bands, dtype = find_network(name), len(BANDS_BY_GSD[gsd]), PRECISIONS[precision]
    inputs = {
        f"input_{g}m": keras.Input((None, None, len(BANDS_BY_GSD[g])), name=f"input_{g}m") for g in input_gsds(gsd)
    }
    if network.at_own_gsd:
        output = network.body(list(inputs.values()), bands, dtype, upsample)
    else:
        upsampled = [
            tensor if g == 10 else Upsample(scale_factor(g), upsample, name=f"upsample_{g}m")(tensor)
            for g, tensor in zip(input_gsds(gsd), inputs.values(), strict=True)
        ]
        output = network.body(upsampled, bands, dtype)
    return keras.Model(inputs, output, name=f"{name}_{gsd}m")


def check_network(name: str, upsample: str) -> None:
    """Raise SettingError where a network does not exist, or cannot do with such inputs."""
    network = find_network(name)
    if upsample not in UPSAMPLINGS:
        raise SettingError(f"unknown upsampling {upsample!r}; expected one of {', '.join(UPSAMPLINGS)}.")
    if upsample == NO_UPSAMPLING and not network.at_own_gsd:
        able = ", ".join(other for other, network in NETWORKS.items() if network.at_own_gsd)
        raise SettingError(
            f"--upsample none does not go with {name}, which adds its result to upsampled bands; "
            f"give {able}, or another --upsample."
        )


def margin_px(name: str, gsd: int, upsample: str = "bilinear") -> int:
    """Pixels at 10 m to cut off each side of a predicted window so that it equals the whole-image prediction.

    The receptive field, plus what the upsampling reaches beyond a coarse pixel (half of one if bilinear), rounded up to
    whole coarse pixels of every input.
    """
    factor = scale_factor(gsd)
    reach = REACH_PX.get(upsample, 0)
    beyond = reach * factor - factor // 2 if reach else 0
    return -(-(find_network(name).reach + beyond) // factor) * factor


GAN = "gan"


def predicting_network(model: str, generator: str, attention: bool) -> str:
    """The network that a run of these settings trains."""
    if model != GAN:
        return model
    return generator + ATTENTION if attention else generator
