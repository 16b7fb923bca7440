"""Band sets that a network can see, and the statistics that normalise their bands.

The statistics are those of BigEarthNet's authors, not a file's own, so that networks trained on different files see the
same units.
"""

from collections.abc import Mapping

from bigearthnet.archive.groups import GROUP_BANDS
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M

# Band set -> group of a patch -> the first bands of the group, in its order (rgb: blue first).
BAND_SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "rgb": {"s2_10m": ("B02", "B03", "B04")},
    "10m": {"s2_10m": BANDS_10M},
    "10bands": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M},
    "s2": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M, "s2_60m": BANDS_60M},
    "s1": {"s1": GROUP_BANDS["s1"]},
    "s1_10bands": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M, "s1": GROUP_BANDS["s1"]},
    "s1s2": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M, "s2_60m": BANDS_60M, "s1": GROUP_BANDS["s1"]},
}
# Band -> mean and standard deviation over the training patches of BigEarthNet: DN, for VV and VH dB. Source: TU Berlin,
# git.tu-berlin.de/rsim/bigearthnet-models-tf (BigEarthNet.py), as in the package bigearthnet-common 2.8.0.
BAND_STATISTICS: Mapping[str, tuple[float, float]] = {
    "B01": (340.76769064, 554.81258967),
    "B02": (429.9430203, 572.41639287),
    "B03": (614.21682446, 582.87945694),
    "B04": (590.23569706, 675.88746967),
    "B05": (950.68368468, 729.89827633),
    "B06": (1792.46290469, 1096.01480586),
    "B07": (2075.46795189, 1273.45393088),
    "B08": (2218.94553375, 1365.45589904),
    "B8A": (2266.46036911, 1356.13789355),
    "B09": (2246.0605464, 1302.3292881),
    "B11": (1594.42694882, 1079.19066363),
    "B12": (1009.32729131, 818.86747235),
    "VV": (-12.619993741972035, 5.115911777546365),
    "VH": (-19.29044597721542, 5.464428464912864),
}


def band_statistics(bands: str) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Return group -> means and standard deviations of the bands that a band set takes from it, DN or dB."""
    return {
        group: tuple(zip(*(BAND_STATISTICS[band] for band in chosen), strict=True))
        for group, chosen in BAND_SETS[bands].items()
    }
