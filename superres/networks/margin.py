"""The margin of a network: pixels to read around a window and to cut off its prediction."""

from common.pixels.sentinel2 import Gsd, scale_factor
from common.pixels.upsampling import REACH_PX
from superres.networks.catalogue import DEFAULT_UPSAMPLING, find_network


def margin_px(network_name: str, gsd: Gsd, upsample: str = DEFAULT_UPSAMPLING) -> int:
    """Return the pixels at 10 m to cut off each side of a predicted window so that it equals the whole-image prediction.

    The margin is the network's reach plus the reach of the upsampling beyond a coarse pixel (half a coarse pixel if
    bilinear), rounded up to whole coarse pixels of every input.

    Raises:
        SettingError: the network is unknown.
        ValueError: gsd is none of 20, 60 and JOINT.
    """
    factor = scale_factor(gsd)
    upsampling_reach = REACH_PX.get(upsample, 0)
    beyond = upsampling_reach * factor - factor // 2 if upsampling_reach else 0
    return -(-(find_network(network_name).reach + beyond) // factor) * factor
