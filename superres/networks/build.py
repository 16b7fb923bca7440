"""Build a fusion network as a Keras model.

A body is a function of upsampled inputs (see `superres/networks/dsen2.py`), or of inputs at their own GSD (see
`superres/networks/lowres.py`). `build_network` puts the inputs and the upsampling in front of it.
"""

import pkgutil
from collections.abc import Callable

import keras

from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.networks.upsample import Upsample
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor
from superres.networks.attention import with_attention
from superres.networks.catalogue import DEFAULT_UPSAMPLING, Network, check_network, find_network


def build_network(name: str, gsd: int, precision: str = "float32", upsample: str = DEFAULT_UPSAMPLING) -> keras.Model:
    """Build the Keras model that sharpens the bands of one GSD by `scale_factor(gsd)`.

    Args:
        name: as for `superres.networks.catalogue.find_network`.
        gsd: 20 or 60 m, the native GSD of the bands to sharpen.
        precision: one of PRECISIONS, for the convolutions inside the network.
        upsample: one of UPSAMPLINGS: how the coarse bands come to the finest grid. `none` leaves them at their own GSD,
            for networks that take them so.

    Returns:
        Model from a dict `input_10m` (B, H, W, 4), `input_20m` (B, H/2, W/2, 6) and, for 60 m, `input_60m`
        (B, H/6, W/6, 2), float32 in network units, to (B, H, W, bands of gsd). In training all inputs are
        coarser by the scale factor; their names stay.

    Raises:
        SettingError: unknown name, precision or upsampling, or they do not go together.
    """
    check_network(name, upsample)
    if precision not in PRECISIONS:
        raise SettingError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    network, bands, dtype = find_network(name), len(BANDS_BY_GSD[gsd]), PRECISIONS[precision]
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
    return keras.Model(inputs, output, name=f"{name}_{gsd}m")


def network_body(network: Network) -> Callable[..., keras.KerasTensor]:
    """Return the function that makes the layers of a network, imported where the catalogue gives its name."""
    body = pkgutil.resolve_name(network.body) if isinstance(network.body, str) else network.body
    return with_attention(body) if network.attention else body
