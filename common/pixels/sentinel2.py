"""The Sentinel-2 bands: names, order, ground sampling distances (GSD), MTF; special DN. No I/O.

Band names have three characters (`B02`, `B8A`). Only `normalize_band` accepts other spellings. `BANDS` is in the order of
the wavelengths, which `passbands.py` gives for each satellite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NODATA_DN = 0
SATURATED_DN = 65535


@dataclass(frozen=True)
class Band:
    """One spectral band.

    Attributes:
        name: three characters, such as `B02` or `B8A`.
        gsd: native ground sampling distance in metres: 10, 20 or 60.
        mtf_nyquist: modulation transfer function at the Nyquist frequency (Lanaras et al. 2017); None for B10.
    """

    name: str
    gsd: int
    mtf_nyquist: float | None


BANDS: dict[str, Band] = {
    band.name: band
    for band in (
        Band("B01", 60, 0.32),
        Band("B02", 10, 0.26),
        Band("B03", 10, 0.28),
        Band("B04", 10, 0.24),
        Band("B05", 20, 0.38),
        Band("B06", 20, 0.34),
        Band("B07", 20, 0.34),
        Band("B08", 10, 0.26),
        Band("B8A", 20, 0.33),
        Band("B09", 60, 0.26),
        Band("B10", 60, None),  # cirrus; L1C only, and used by no network here
        Band("B11", 20, 0.22),
        Band("B12", 20, 0.23),
    )
}
BANDS_10M = ("B02", "B03", "B04", "B08")
BANDS_20M = ("B05", "B06", "B07", "B8A", "B11", "B12")
BANDS_60M = ("B01", "B09")
BANDS_BY_GSD: dict[int, tuple[str, ...]] = {10: BANDS_10M, 20: BANDS_20M, 60: BANDS_60M}
JOINT = (20, 60)  # what a joint network sharpens in one pass: the bands of both GSDs
Gsd = int | tuple[int, ...]  # native GSD in metres of the bands that a network sharpens: 20, 60 or JOINT


def normalize_band(name: str) -> str:
    """Return a band name with three characters: `B02` for `B2`, `b02`, `2` and `B02`.

    Raises:
        ValueError: there is no band of this name.
    """
    short = name.strip().upper().removeprefix("B")
    normal = "B" + (short if short == "8A" else short.zfill(2))
    if normal not in BANDS:
        raise ValueError(f"unknown Sentinel-2 band {name!r}; expected one of {', '.join(BANDS)}.")
    return normal


def each_gsd(gsd: Gsd) -> tuple[int, ...]:
    """Return the GSDs one by one: (20,) for 20, (20, 60) for JOINT."""
    return gsd if isinstance(gsd, tuple) else (gsd,)


def in_metres(gsds: Sequence[int]) -> str:
    """Return GSDs as text: `20 m`, or `20 m and 60 m`."""
    return " and ".join(f"{gsd} m" for gsd in gsds)


def sharpened_bands(gsd: Gsd) -> tuple[str, ...]:
    """Return the bands of a network's result: the six 20 m bands, the two 60 m bands, or all eight for JOINT."""
    return tuple(band for each in each_gsd(gsd) for band in BANDS_BY_GSD[each])


def bands_within(network_gsd: Gsd, gsd: int) -> slice:
    """Return the place of the bands of one GSD among the bands of a network's result."""
    bands = BANDS_BY_GSD[gsd]
    first = sharpened_bands(network_gsd).index(bands[0])
    return slice(first, first + len(bands))


def scale_factor(gsd: Gsd) -> int:
    """Return the ratio of a GSD to 10 m: 2 for 20 m, 6 for 60 m and, because of its 60 m bands, for JOINT.

    Raises:
        ValueError: gsd is none of 20, 60 and JOINT.
    """
    if gsd not in (20, 60, JOINT):
        raise ValueError(f"gsd must be 20 or 60 m; got {gsd}.")
    return max(each_gsd(gsd)) // 10


def input_gsds(gsd: Gsd) -> tuple[int, ...]:
    """Return the GSDs of a network's input bands: (10, 20) for a network for 20 m, (10, 20, 60) for 60 m and JOINT.

    Raises:
        ValueError: gsd is none of 20, 60 and JOINT.
    """
    return (10, 20) if scale_factor(gsd) == 2 else (10, 20, 60)
