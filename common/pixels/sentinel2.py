"""The Sentinel-2 bands: names, order, ground sampling distances (GSD), MTF; special DN. No I/O.

Band names have three characters (`B02`, `B8A`). Only `normalize_band` accepts other spellings. `BANDS` is in the order of
the wavelengths, which `passbands.py` gives for each satellite.
"""

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


def scale_factor(gsd: int) -> int:
    """Return the ratio of a GSD to 10 m: 2 for 20 m, 6 for 60 m.

    Raises:
        ValueError: gsd is neither 20 nor 60.
    """
    if gsd not in (20, 60):
        raise ValueError(f"gsd must be 20 or 60 m; got {gsd}.")
    return gsd // 10


def input_gsds(gsd: int) -> tuple[int, ...]:
    """Return the GSDs of a network's input bands: (10, 20) for a network for 20 m, (10, 20, 60) for 60 m.

    Raises:
        ValueError: gsd is neither 20 nor 60.
    """
    return (10, 20) if scale_factor(gsd) == 2 else (10, 20, 60)
