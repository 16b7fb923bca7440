"""The fusion networks by name: their reach, and the upsampling that each can take.

Light: nothing here imports Keras, so that options and settings can name the networks. `superres/networks/build.py` builds
them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from common.errors import SettingError
from common.pixels.sentinel2 import scale_factor
from common.pixels.upsampling import BICUBIC, BILINEAR, NEAREST, REACH_PX

NO_UPSAMPLING = "none"
DEFAULT_UPSAMPLING = BILINEAR  # as in the DSen2 paper
UPSAMPLINGS = (BILINEAR, BICUBIC, NEAREST, NO_UPSAMPLING)
GAN = "gan"  # the value of --model that trains a network of NETWORKS against a discriminator
ATTENTION = "-attention"  # suffix of a network's name: the network with the block of `superres/networks/attention.py`
ATTENTION_REACH_PX = 7  # 6 px to the farthest neighbour, and 1 for the convolution before it


@dataclass(frozen=True)
class Network:
    """A network of the catalogue.

    Attributes:
        body: (inputs, number of output bands, dtype policy) -> output tensor. A function, or its "module:name", which is
            imported when the network is built.
        reach: pixels of the finest grid, on each side, that a pixel of the result depends on.
        at_own_gsd: the body takes inputs at their own GSD, and the upsampling as a last argument; otherwise it takes
            upsampled inputs.
        attention: the block of `superres/networks/attention.py` follows the body.
    """

    body: Callable[..., Any] | str
    reach: int
    at_own_gsd: bool = False
    attention: bool = False


NETWORKS = {
    "dsen2": Network("superres.networks.dsen2:dsen2", reach=14),
    "vdsen2": Network("superres.networks.dsen2:vdsen2", reach=66),
    "palsson": Network("superres.networks.palsson:palsson", reach=14),
    "fuse": Network("superres.networks.fuse:fuse", reach=4),
    "lowres": Network("superres.networks.lowres:lowres", reach=29, at_own_gsd=True),
    "tiny": Network("superres.networks.dsen2:tiny", reach=6),
}


def find_network(name: str) -> Network:
    """Return the network of a name of NETWORKS, with or without the suffix ATTENTION.

    Raises:
        SettingError: the name is unknown.
    """
    base = name.removesuffix(ATTENTION)
    if base not in NETWORKS:
        raise SettingError(f"unknown network {name!r}; expected one of {', '.join(NETWORKS)}.")
    network = NETWORKS[base]
    return network if base == name else replace(network, attention=True, reach=network.reach + ATTENTION_REACH_PX)


def check_network(name: str, upsample: str) -> None:
    """Raise SettingError if a network or an upsampling is unknown, or if they do not go together."""
    network = find_network(name)
    if upsample not in UPSAMPLINGS:
        raise SettingError(f"unknown upsampling {upsample!r}; expected one of {', '.join(UPSAMPLINGS)}.")
    if upsample == NO_UPSAMPLING and not network.at_own_gsd:
        able = ", ".join(other for other, network in NETWORKS.items() if network.at_own_gsd)
        raise SettingError(
            f"--upsample none does not go with {name}, which adds its result to upsampled bands; "
            f"give {able}, or another --upsample."
        )


def margin_px(name: str, gsd: int, upsample: str = DEFAULT_UPSAMPLING) -> int:
    """Return the pixels at 10 m to cut off each side of a predicted window so that it equals the whole-image prediction.

    The network's reach plus the reach of the upsampling beyond a coarse pixel (half a coarse pixel if bilinear), rounded
    up to whole coarse pixels of every input.
    """
    factor = scale_factor(gsd)
    reach = REACH_PX.get(upsample, 0)
    beyond = reach * factor - factor // 2 if reach else 0
    return -(-(find_network(name).reach + beyond) // factor) * factor


def predicting_network(model: str, generator: str, attention: bool) -> str:
    """Return the name of the network that a run with these settings trains."""
    if model != GAN:
        return model
    return generator + ATTENTION if attention else generator
