"""Pixels of a scene without data: where no band has data, and fills for bands that lack it. NumPy only, no I/O.

Nodata concerns one band: the other bands of a pixel keep their values. DN are a dictionary of the ground that they share,
GSD -> (rows / factor, cols / factor, bands) uint16, where factor = GSD / the finest GSD.
"""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt

from common.pixels.degrade import repeat_pixels
from common.pixels.holes import fill_holes
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.scenes.reflectance import band_offsets, is_valid
from common.scenes.scene import Scene


def has_data(scene: Scene, dn: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return whether at least one band has data: (rows, cols) bool, on the finest grid of `dn`."""
    finest = min(dn)
    masks = [repeat_pixels((image != scene.nodata).any(axis=2), gsd // finest) for gsd, image in dn.items()]
    return np.logical_or.reduce(masks)


def fill_missing(scene: Scene, dn: Mapping[int, np.ndarray], reach: int) -> dict[int, np.ndarray]:
    """Fill nodata and saturated pixels of each band before a network reads them.

    A pixel gets the value of the nearest valid pixel of its band within reach, or DN 0 if there is none.

    One case differs. L2A without offset (before baseline 04.00) cannot store a reflectance of 0 or below: a dark lake has
    DN 0 in some bands. If another band has data, and no pixel within reach lacks data in all bands as outside a swath,
    DN 0 is this reflectance and stays. The value of the shore would make the lake bright.

    Args:
        scene: gives level, offsets, and the DN of nodata and saturated pixels.
        dn: GSD -> DN of all bands of that GSD, 10 m among them.
        reach: pixels of 10 m.

    Returns:
        GSD -> filled DN; an image without such pixels is returned itself. A pixel does not depend on pixels farther than
        reach.
    """
    filled = {gsd: fill_holes(image, is_valid(scene, image), reach * 10 // gsd) for gsd, image in dn.items()}
    changed = [gsd for gsd, image in dn.items() if filled[gsd] is not image and _may_be_dark(scene, gsd)]
    outside = ~has_data(scene, dn) if changed else None  # slow, and most images have no holes
    for gsd in changed:
        factor = gsd // 10
        rows, cols = dn[gsd].shape[:2]
        outside_here = outside.reshape(rows, factor, cols, factor).any(axis=(1, 3))
        is_dark = (dn[gsd] == scene.nodata) & ~_near(outside_here, reach * 10 // gsd)[..., None]
        filled[gsd][is_dark] = scene.nodata
    return filled


def _may_be_dark(scene: Scene, gsd: int) -> bool:
    """Return whether DN 0 may be a reflectance of 0 or below in the bands of a GSD."""
    return scene.level == "L2A" and not band_offsets(scene, BANDS_BY_GSD[gsd]).any()


def _near(mask: np.ndarray, reach: int) -> np.ndarray:
    """Mark the pixels within `reach` of a marked pixel."""
    return distance_transform_edt(~mask) <= reach if mask.any() else mask
