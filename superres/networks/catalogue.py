"""The fusion networks by name, with their reach and the upsamplings that they accept.

This module does not import Keras, so that options and settings can name the networks without delay.
`superres/networks/build.py` builds them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from common.errors import SettingError
from common.pixels.sentinel2 import JOINT, Gsd
from common.pixels.upsampling import BICUBIC, BILINEAR, NEAREST

NO_UPSAMPLING = "none"
DEFAULT_UPSAMPLING = BILINEAR  # as in the DSen2 paper
UPSAMPLINGS = (BILINEAR, BICUBIC, NEAREST, NO_UPSAMPLING)
GAN = "gan"  # value of --model for adversarial training of a network of NETWORKS
ATTENTION = "-attention"  # suffix of a network's name for the network with the block of superres/networks/attention.py
JOINT_BLOCKS, JOINT_FEATURES = 6, 96  # of the network `joint`
ATTENTION_REACH_PX = 7  # 6 px to the farthest neighbour, and 1 px of the convolution before it


@dataclass(frozen=True)
class Network:
    """One network of the catalogue.

    Attributes:
        body: (inputs, number of output bands, dtype policy) -> output tensor. Either a function or its "module:name",
            which is imported when the network is built.
        reach: pixels of the finest grid, on each side, that a pixel of the result depends on.
        at_own_gsd: if True, the body takes the inputs at their own GSD, and the upsampling as a last argument. If
            False, it takes upsampled inputs.
        joint: whether the network sharpens the 20 m and the 60 m bands in one pass. Other networks sharpen one of them.
        attention: whether the block of `superres/networks/attention.py` follows the body.
    """

    body: Callable[..., Any] | str
    reach: int
    at_own_gsd: bool = False
    joint: bool = False
    attention: bool = False


NETWORKS = {
    "dsen2": Network("superres.networks.dsen2:dsen2", reach=14),
    "vdsen2": Network("superres.networks.dsen2:vdsen2", reach=66),
    "palsson": Network("superres.networks.palsson:palsson", reach=14),
    "fuse": Network("superres.networks.fuse:fuse", reach=4),
    "lowres": Network("superres.networks.lowres:lowres", reach=29, at_own_gsd=True),
    # 4 px a block, 4 of the first and the last convolution, 24 of a regression or contrast of 60 m, 5 inside a 60 m pixel
    "joint": Network("superres.networks.joint:joint", reach=4 * JOINT_BLOCKS + 33, at_own_gsd=True, joint=True),
    "tiny": Network("superres.networks.dsen2:tiny", reach=6),
}


def find_network(network_name: str) -> Network:
    """Return the network with a name of NETWORKS, with or without the suffix ATTENTION.

    Raises:
        SettingError: the name is unknown.
    """
    base_name = network_name.removesuffix(ATTENTION)
    if base_name not in NETWORKS:
        raise SettingError(f"unknown network {network_name!r}; expected one of {', '.join(NETWORKS)}.")
    network = NETWORKS[base_name]
    if base_name == network_name:
        return network
    return replace(network, attention=True, reach=network.reach + ATTENTION_REACH_PX)


def check_network(network_name: str, upsample: str) -> None:
    """Check that a network and an upsampling exist and that the network accepts the upsampling.

    Raises:
        SettingError: one of them is unknown, or the network does not accept the upsampling.
    """
    network = find_network(network_name)
    if upsample not in UPSAMPLINGS:
        raise SettingError(f"unknown upsampling {upsample!r}; expected one of {', '.join(UPSAMPLINGS)}.")
    if upsample == NO_UPSAMPLING and not network.at_own_gsd:
        # Another kind of network would need another --gsd, too.
        able = ", ".join(name for name, other in NETWORKS.items() if other.at_own_gsd and other.joint == network.joint)
        raise SettingError(
            f"--upsample none does not go with {network_name}, which adds its result to upsampled bands; "
            f"give {able}, or another --upsample."
        )


def check_gsd(network_name: str, gsd: Gsd) -> None:
    """Check that a network sharpens the bands of a GSD, or of JOINT.

    Raises:
        SettingError: the network is unknown, or it sharpens other bands.
    """
    is_joint = find_network(network_name).joint
    if is_joint and gsd != JOINT:
        raise SettingError(
            f"--model {network_name} sharpens the 20 m and the 60 m bands together, and --gsd is {gsd}; give --gsd 20 60, or "
            f"another --model."
        )
    if gsd == JOINT and not is_joint:
        able = ", ".join(name for name, network in NETWORKS.items() if network.joint)
        raise SettingError(
            f"--gsd 20 60 needs a network that sharpens both, and {network_name} sharpens one of them; give --model {able}, "
            f"or one --gsd."
        )


def trained_network_name(model: str, generator: str, attention: bool) -> str:
    """Return the name of the network that a run with these settings trains."""
    if model != GAN:
        return model
    return generator + ATTENTION if attention else generator
