"""The band groups of a BigEarthNet patch: bands, sizes and data types."""

from collections.abc import Mapping, Sequence

from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M

GROUP_BANDS: Mapping[str, tuple[str, ...]] = {
    "s2_10m": BANDS_10M,
    "s2_20m": BANDS_20M,
    "s2_60m": BANDS_60M,
    "s1": ("VV", "VH"),
}
NATIVE_PX: Mapping[str, int] = {"s2_10m": 120, "s2_20m": 60, "s2_60m": 20, "s1": 120}
PATCH_PX = 120  # at 10 m


def group_shapes(has_s1: bool, superres: Sequence[str] = ()) -> dict[str, tuple[int, int, int]]:
    """Group -> (rows, cols, bands) of one patch; the groups in `superres` have 120 px."""
    return {
        name: (*2 * (PATCH_PX if name in superres else NATIVE_PX[name],), len(bands))
        for name, bands in GROUP_BANDS.items()
        if has_s1 or name != "s1"
    }


def group_dtype(name: str) -> str:
    """Type of a group's images."""
    return "float32" if name == "s1" else "uint16"
