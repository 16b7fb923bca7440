"""Build a fusion network as a Keras model.

The body of a network is a function that adds its layers to the inputs (see `superres/networks/dsen2.py` and, for inputs
at their own GSD, `superres/networks/lowres.py`). `build_network` adds the inputs and the upsampling.
"""

import pkgutil
from collections.abc import Callable

import keras

from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.networks.upsample import Upsample
from common.pixels.sentinel2 import BANDS_BY_GSD, Gsd, each_gsd, input_gsds, scale_factor, sharpened_bands
from superres.networks.attention import with_attention
from superres.networks.catalogue import DEFAULT_UPSAMPLING, Network, check_gsd, check_network, find_network


def build_network(
    network_name: str, gsd: Gsd, precision: str = "float32", upsample: str = DEFAULT_UPSAMPLING
) -> keras.Model:
    """Build the Keras model that sharpens the bands of one GSD, or of JOINT, to 10 m.

    Args:
        network_name: as for `superres.networks.catalogue.find_network`.
        gsd: native GSD of the bands to sharpen, 20 or 60 m; JOINT for a joint network.
        precision: one of PRECISIONS, for the convolutions inside the network.
        upsample: one of UPSAMPLINGS, for the coarse bands. `none` leaves them at their own GSD; only some networks
            accept that.

    Returns:
        Model from a dict `input_10m` (B, H, W, 4), `input_20m` (B, H/2, W/2, 6) and, for 60 m and JOINT, `input_60m`
        (B, H/6, W/6, 2), float32 in network units, to (B, H, W, `sharpened_bands(gsd)`), float32. In training all inputs are
        coarser by the scale factor; their names stay the same.

    Raises:
        SettingError: the network, precision or upsampling is unknown, or the network does not accept the upsampling or gsd.
        ValueError: gsd is none of 20, 60 and JOINT.
    """
    check_network(network_name, upsample)
    check_gsd(network_name, gsd)
    if precision not in PRECISIONS:
        raise SettingError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    network, bands, dtype = find_network(network_name), len(sharpened_bands(gsd)), PRECISIONS[precision]
    body = network_body(network)
    inputs = {
        f"input_{g}m": keras.Input((None, None, len(BANDS_BY_GSD[g])), name=f"input_{g}m") for g in input_gsds(gsd)
    }
    if network.at_own_gsd:
        output = body(list(inputs.values()), bands, dtype, upsample)
    else:
        upsampled = [
            tensor if g == 10 else Upsample(scale_factor(g), upsample, name=f"upsample_{g}m")(tensor)
            for g, tensor in zip(input_gsds(gsd), inputs.values(), strict=True)
        ]
        output = body(upsampled, bands, dtype)
    other_upsampling = "" if upsample == DEFAULT_UPSAMPLING else f"_{upsample}"
    gsds = "_".join(f"{each}m" for each in each_gsd(gsd))
    return keras.Model(inputs, output, name=f"{network_name}_{gsds}{other_upsampling}")


def network_body(network: Network) -> Callable[..., keras.KerasTensor]:
    """Return the function that adds the layers of a network; import it if the catalogue holds only its name."""
    body = pkgutil.resolve_name(network.body) if isinstance(network.body, str) else network.body
    return with_attention(body) if network.attention else body
