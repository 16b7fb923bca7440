"""Patch folder -> images in the groups of a prepared file: (rows, cols, bands), uint16 DN or float32 dB."""

import os
from dataclasses import dataclass

import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS, NATIVE_PX, PATCH_PX, S2_GROUPS, group_dtype
from bigearthnet.archive.tiff import read_tiff
from common.errors import ProductError


@dataclass(frozen=True)
class PatchFolders:
    """The folders and files that hold the images of a patch.

    Attributes:
        name: name of the Sentinel-2 patch.
        s2: its folder.
        s1: folder of its Sentinel-1 partner; None leaves Sentinel-1 out.
        superres: GeoTIFF with its bands brought to 10 m, or None.
    """

    name: str
    s2: str
    s1: str | None = None
    superres: str | None = None


def read_images(patch: PatchFolders, superres_groups: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read all images of a patch.

    Args:
        patch: its folders.
        superres_groups: groups to take from the GeoTIFF of bands at 10 m; the others are read at native GSD.

    Returns:
        `s2_10m` (120, 120, 4), `s2_20m` (60, 60, 6) and `s2_60m` (20, 20, 2) uint16 DN, with 120 px for
        `superres_groups`; with a Sentinel-1 partner also `s1` (120, 120, 2) float32 dB.

    Raises:
        ProductError: a file is missing or damaged, has another size or type, or S1 is not finite.
    """
    images = read_superres(patch.superres, superres_groups) if superres_groups else {}
    images |= {group: read_bands(patch.s2, group) for group in S2_GROUPS if group not in images}
    if patch.s1:
        images["s1"] = read_bands(patch.s1, "s1")
        if not np.isfinite(images["s1"]).all():
            raise ProductError(f"{patch.s1} holds values that are not finite; leave the patch out.")
    return images


def read_bands(folder: str, group: str) -> np.ndarray:
    """Read the bands of a group at native GSD, (rows, cols, bands), from a patch folder with one file a band."""
    bands, size = GROUP_BANDS[group], NATIVE_PX[group]
    image = np.empty((size, size, len(bands)), group_dtype(group))
    name = os.path.basename(folder)
    for index, band in enumerate(bands):
        image[..., index] = read_tiff(f"{folder}/{name}_{band}.tif", size, image.dtype)
    return image


def read_superres(path: str, groups: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read groups of bands from a GeoTIFF at 10 m: group -> (120, 120, bands) uint16 DN.

    Raises:
        ProductError: the file is missing or damaged, has another size or type, or lacks a band.
    """
    pixels, names = read_superres_file(path)
    missing = [band for group in groups for band in GROUP_BANDS[group] if band not in names]
    if missing:
        raise ProductError(
            f"{path} lacks {', '.join(missing)}, it holds {', '.join(names)}; "
            f"run superres-predict for the same bands of all patches."
        )
    return {
        group: np.ascontiguousarray(pixels[..., [names.index(band) for band in GROUP_BANDS[group]]]) for group in groups
    }


def find_superres_groups(path: str) -> tuple[str, ...]:
    """Return the groups whose bands a GeoTIFF at 10 m holds.

    Raises:
        ProductError: it holds a part of a group, or no group but the native 10 m bands.
    """
    _, names = read_superres_file(path)
    held = {group: [band for band in GROUP_BANDS[group] if band in names] for group in S2_GROUPS}
    for group, bands in held.items():
        if 0 < len(bands) < len(GROUP_BANDS[group]):
            raise ProductError(
                f"{path} holds {', '.join(sorted(bands))} without the other bands of their GSD; "
                f"run superres-predict for all of them."
            )
    groups = tuple(group for group in S2_GROUPS if held[group])
    if not set(groups) - {"s2_10m"}:
        raise ProductError(
            f"{path} holds no 20 m or 60 m bands named B01 to B12 in its band descriptions, but "
            f"{', '.join(filter(None, names)) or 'none'}; give results of superres-predict."
        )
    return groups


def read_superres_file(path: str) -> tuple[np.ndarray, list[str]]:
    """Read a GeoTIFF at 10 m: its pixels, (120, 120, bands) uint16 DN, and its band names."""
    from common.rasters.files import read_raster  # loads GDAL, which is not needed for plain patches

    pixels, descriptions = read_raster(path)
    if pixels.shape[:2] != (PATCH_PX, PATCH_PX) or pixels.dtype != np.uint16:
        raise ProductError(
            f"{path} must have {PATCH_PX} x {PATCH_PX} px of uint16; got {pixels.shape[0]} x "
            f"{pixels.shape[1]} px of {pixels.dtype}; run superres-predict on the patch."
        )
    return pixels, [text.split()[0] if text else "" for text in descriptions]
