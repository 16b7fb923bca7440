"""Central wavelength and width of the bands of each Sentinel-2 satellite. NumPy only, no I/O.

The satellites differ: B12 is centred at 2202.4 nm on Sentinel-2A and at 2185.7 nm on Sentinel-2B. Products state the
central wavelength and the spectral response of each band. The width (full width at half maximum, FWHM) is that of the
response; the range of the response, MIN to MAX, is up to 1.5 times as wide. Many STAC items give that range as
`full_width_half_max`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.pixels.sentinel2 import BANDS

_PLAUSIBLE = 0.03  # share of the wavelength; satellites differ by 0.01, neighbouring bands by 0.038 or more
_LONGEST_RESPONSE = 1000  # values; real responses have at most 247


class Passband(NamedTuple):
    """The wavelengths that a band measures.

    Attributes:
        wavelength_nm: central wavelength in nanometres.
        fwhm_nm: full width at half maximum of the response, in nanometres; None if unknown.
    """

    wavelength_nm: float
    fwhm_nm: float | None


def _table(*rows: tuple[float, float]) -> dict[str, Passband]:
    return {band: Passband(*row) for band, row in zip(BANDS, rows, strict=True)}


# From EOPF products of baseline 05.11: the stated central wavelength, and `response_fwhm` of the stated response. The XML
# of baselines 02.14 to 05.10 states the same for Sentinel-2A and B.
# For Sentinel-2A, these FWHM agree with ESA's published bandwidths within 2 nm. Sentinel-2D has no table: no product of
# it is at hand.
# fmt: off
PASSBANDS: dict[str, dict[str, Passband]] = {
    "S2A": _table(
        (442.7, 19.7), (492.7, 64.3), (559.8, 34.8), (664.6, 30.6), (704.1, 14.0), (740.5, 13.6), (782.8, 19.0),
        (832.8, 104.8), (864.7, 20.5), (945.1, 19.5), (1373.5, 29.1), (1613.7, 89.7), (2202.4, 173.6),
    ),
    "S2B": _table(
        (442.3, 20.2), (492.3, 64.9), (559.0, 35.1), (665.0, 30.3), (703.8, 14.1), (739.1, 13.6), (779.7, 19.8),
        (833.0, 104.9), (864.0, 20.7), (943.2, 19.5), (1376.9, 29.7), (1610.4, 93.5), (2185.7, 183.4),
    ),
    "S2C": _table(
        (444.2, 20.3), (489.0, 65.3), (560.6, 35.4), (666.5, 30.4), (707.1, 15.3), (741.1, 15.3), (784.7, 20.3),
        (834.6, 95.8), (865.6, 20.0), (947.2, 20.1), (1372.2, 33.1), (1612.0, 90.3), (2191.3, 183.2),
    ),
}
# fmt: on


def find_passband(band: str, satellite: str, stated: Passband | None = None) -> Passband | None:
    """Return the passband of a band: as its product states it, completed from the satellite's table.

    Args:
        band: such as `B05`.
        satellite: such as `S2A`.
        stated: by the product; None if it states none.

    Returns:
        None if neither the product nor the table has the band.
    """
    known = PASSBANDS.get(satellite, {}).get(band)
    if stated is None or stated.fwhm_nm is not None:
        return stated or known
    return Passband(stated.wavelength_nm, known.fwhm_nm if known else None)


def read_passband(
    band: str, wavelength: object, lowest: object, highest: object, step: object, response: object
) -> Passband | None:
    """Return the passband that the metadata of a product state.

    Args:
        band: such as `B05`.
        wavelength: central wavelength in nm, a number or its text, as all arguments below.
        lowest: wavelength of the first value of the response, in nm.
        highest: wavelength of the last value.
        step: between two values, in nm.
        response: the values, in one text with spaces.

    Returns:
        None if the wavelength is no number, or is not near that of the band. The FWHM is None if the response does not
        span lowest to highest, as for B02 and B08 in products of baselines 02.04 and 02.05.
    """
    centre, low, high, width = map(_number, (wavelength, lowest, highest, step))
    if not abs(centre / PASSBANDS["S2A"][band].wavelength_nm - 1) < _PLAUSIBLE:  # also if it is not a number
        return None
    try:
        values = np.array(str(response).split(), dtype=np.float64)
    except ValueError:
        return Passband(centre, None)
    spans = 2 < len(values) < _LONGEST_RESPONSE and width > 0 and abs(low + width * (len(values) - 1) - high) < 1e-3
    return Passband(centre, response_fwhm(values, width) if spans else None)


def response_fwhm(response: Sequence[float] | np.ndarray, step: float) -> float | None:
    """Return the full width at half maximum of a spectral response, rounded to 0.1.

    The response crosses half of its maximum between two values, where it is taken as linear. If it crosses several times,
    the outermost crossings count.

    Args:
        response: values at equal distances.
        step: distance between two values, in nm.

    Returns:
        Width in nm; None if the response has no two crossings.
    """
    values = np.asarray(response, dtype=np.float64)
    if not np.isfinite(values).all() or not values.max() > 0:
        return None
    half = values.max() / 2
    first, last = np.flatnonzero(values >= half)[[0, -1]]
    if first == 0 or last == len(values) - 1:
        return None
    left = first - (values[first] - half) / (values[first] - values[first - 1])
    right = last + (values[last] - half) / (values[last] - values[last + 1])
    return round(float(right - left) * step, 1)


def _number(value: object) -> float:
    """Return a number or its text as float; NaN for everything else."""
    try:
        return float(value) if isinstance(value, (int, float, str)) else float("nan")
    except (ValueError, OverflowError):
        return float("nan")
