"""The band groups of a BigEarthNet patch: bands, sizes in pixels and data types."""

from collections.abc import Mapping, Sequence

from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M

# Group -> its bands. Arrays hold the bands in this order, on their last axis.
GROUP_BANDS: Mapping[str, tuple[str, ...]] = {
    "s2_10m": BANDS_10M,
    "s2_20m": BANDS_20M,
    "s2_60m": BANDS_60M,
    "s1": ("VV", "VH"),
}
S2_GROUPS = ("s2_10m", "s2_20m", "s2_60m")
NATIVE_PX: Mapping[str, int] = {"s2_10m": 120, "s2_20m": 60, "s2_60m": 20, "s1": 120}  # rows, and columns, of a patch
PATCH_PX = 120  # rows, and columns, of a patch at 10 m


def group_shapes(has_s1: bool, superres: Sequence[str] = ()) -> dict[str, tuple[int, int, int]]:
    """Return group -> (rows, cols, bands) of the images of one patch.

    Args:
        has_s1: include the group of Sentinel-1.
        superres: groups whose bands have been brought to 10 m, and so have 120 px.
    """
    return {
        name: (*2 * (PATCH_PX if name in superres else NATIVE_PX[name],), len(bands))
        for name, bands in GROUP_BANDS.items()
        if has_s1 or name != "s1"
    }


def group_dtype(name: str) -> str:
    """Return the data type of a group's images: uint16 (DN), or float32 (dB) for Sentinel-1."""
    return "float32" if name == "s1" else "uint16"
