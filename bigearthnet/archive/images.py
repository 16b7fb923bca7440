"""Patch folder -> images in the groups of the prepared file: (rows, cols, bands), uint16 DN or float32 dB."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bigearthnet.archive.groups import group_dtype, group_shapes
from bigearthnet.archive.tiff import read_tiff
from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD

SUPERRES_PX = 120
POLARISATIONS = ("VV", "VH")
GROUPS: Mapping[str, tuple[tuple[str, ...], int]] = {  # group -> its bands, and its rows and columns at native GSD
    f"s2_{gsd}m": (bands, 1200 // gsd) for gsd, bands in BANDS_BY_GSD.items()
}


@dataclass(frozen=True)
class PatchFolders:
    """Where the images of a patch lie.

    Attributes:
        name: of the Sentinel-2 patch.
        s2: its folder.
        s1: folder of its Sentinel-1 partner, or None where none is wanted.
        superres: GeoTIFF with its bands brought to 10 m, or None.
    """

    name: str
    s2: str
    s1: str | None = None
    superres: str | None = None


def read_images(
    patch: PatchFolders, superres_groups: tuple[str, ...] = (), images: Mapping[str, np.ndarray] | None = None
) -> Mapping[str, np.ndarray]:
    """All images of a patch.

    Args:
        patch: where they lie.
        superres_groups: groups to take from the GeoTIFF of bands at 10 m; the others are read at native GSD.
        images: arrays to fill, as below; new ones where not given.

    Returns:
        `s2_10m` (120, 120, 4), `s2_20m` (60, 60, 6), `s2_60m` (20, 20, 2), or 120 px for `superres_groups`; with a
        partner, `s1` (120, 120, 2).

    Raises:
        ProductError: a file is missing or damaged, has another size or type, or S1 is not finite.
    """
    images = empty_images(patch.s1 is not None, superres_groups) if images is None else images
    fine = read_superres(patch.superres, superres_groups) if superres_groups and patch.superres else {}
    for group, (bands, size) in GROUPS.items():
        if group in fine:
            images[group][:] = fine[group]
        else:
            read_bands(patch.name, patch.s2, bands, size, images[group])
    if patch.s1:
        s1_name = patch.s1.rstrip("/").rpartition("/")[2]
        read_bands(s1_name, patch.s1, POLARISATIONS, SUPERRES_PX, images["s1"])
        if not np.isfinite(images["s1"]).all():
            raise ProductError(f"{patch.s1} holds values that are no finite dB; leave the patch out.")
    return images


def empty_images(has_s1: bool, superres_groups: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays for one patch."""
    shapes = group_shapes(has_s1, superres_groups)
    return {name: np.empty(shape, group_dtype(name)) for name, shape in shapes.items()}


def read_bands(name: str, folder: str, bands: tuple[str, ...], size: int, image: np.ndarray) -> None:
    """Fill an image, (size, size, bands), with bands of a folder, one file each."""
    for number, band in enumerate(bands):
        image[..., number] = read_tiff(f"{folder}/{name}_{band}.tif", size, image.dtype)


def read_superres(path: str, groups: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Groups of bands of a GeoTIFF at 10 m whose band descriptions are `B01` to `B12`, (120, 120, bands) each."""
    pixels, names = read_superres_file(path)
    missing = [band for group in groups for band in GROUPS[group][0] if band not in names]
    if missing:
        raise ProductError(f"{path} lacks {', '.join(missing)}, it holds {', '.join(names)}; make it as the others.")
    return {
        group: np.ascontiguousarray(pixels[..., [names.index(band) for band in GROUPS[group][0]]]) for group in groups
    }


def superres_groups(path: str) -> tuple[str, ...]:
    """The groups whose bands a GeoTIFF at 10 m holds, all of them.

    Raises:
        ProductError: it holds a part of a group, or none.
    """
    _, names = read_superres_file(path)
    for bands, _ in GROUPS.values():
        held = set(bands) & set(names)
        if held and held != set(bands):
            raise ProductError(
                f"{path} holds {', '.join(sorted(held))} without the other bands of their GSD; "
                f"run superres-predict for all of them."
            )
    found = tuple(group for group, (bands, _) in GROUPS.items() if set(bands) <= set(names))
    if not set(found) - {"s2_10m"}:
        raise ProductError(
            f"{path} holds no 20 m or 60 m bands named B01 to B12 in its band descriptions, but "
            f"{', '.join(filter(None, names)) or 'none'}; give results of superres-predict."
        )
    return found


def read_superres_file(path: str) -> tuple[np.ndarray, list[str]]:
    """Pixels (120, 120, bands) uint16 and band names of a GeoTIFF at 10 m."""
    from common.rasters.files import read_raster  # loads GDAL, which plain patches do without

    pixels, names = read_raster(path)
    if pixels.shape[:2] != (SUPERRES_PX, SUPERRES_PX) or pixels.dtype != np.uint16:
        raise ProductError(
            f"{path} must have {SUPERRES_PX} x {SUPERRES_PX} px of uint16; got {pixels.shape[0]} x "
            f"{pixels.shape[1]} px of {pixels.dtype}; run superres-predict on the patch."
        )
    return pixels, [name.split()[0] if name else "" for name in names]
