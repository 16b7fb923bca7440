"""Scene -> squares of 1.2 km as BigEarthNet cuts them.

Squares lie side by side from the upper-left corner of the 10 m grid. Pixels at the right and lower edges that fill no
square are left out. Pixels become reflectance * 10000 with the product's own offset, as BigEarthNet's DN are. Saturated
pixels become 32767, the largest value in BigEarthNet, because it was cut from files of 15 bits.

A square with pixels that have no data in any band is left out. Pixels that lack data in some bands, as in dark lakes,
have reflectance 0 there, because such pixels have DN 0 in BigEarthNet.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.rasters.grids import GeoReference, georeference
from common.scenes.nodata import has_data
from common.scenes.reflectance import scaled_reflectance
from common.scenes.scene import Scene

SQUARE_PX = 120  # at 10 m
SQUARE_M = 1200
ROWS_AT_ONCE = 8  # rows of squares: about as many pixels as a block of a JPEG 2000 file has
HIGHEST_DN = 2**15 - 1


def square_grid(scene: Scene) -> GeoReference:
    """Return the grid of squares: one pixel is one square.

    Raises:
        ProductError: the scene is smaller than one square, or damaged.
    """
    grid = georeference(scene, 10)
    x, _, _, y, _, _ = grid.geotransform
    rows, cols = grid.rows // SQUARE_PX, grid.cols // SQUARE_PX
    if not rows or not cols:
        raise ProductError(
            f"{scene.name} has {grid.rows} x {grid.cols} px at 10 m, less than a square of {SQUARE_PX} px; give a "
            f"larger product."
        )
    return GeoReference(grid.crs_wkt, (x, SQUARE_M, 0.0, y, 0.0, -SQUARE_M), rows, cols)


def square_strips(grid: GeoReference) -> list[Window]:
    """Return windows of whole rows of squares, in pixels of the grid of squares."""
    return [Window(row, 0, min(ROWS_AT_ONCE, grid.rows - row), grid.cols) for row in range(0, grid.rows, ROWS_AT_ONCE)]


def read_squares(
    scene: Scene, strip: Window, groups: Sequence[str]
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Read a strip, and yield it one row of squares at a time.

    Args:
        scene: the product.
        strip: as `square_strips` gives it.
        groups: of `s2_10m`, `s2_20m`, `s2_60m`.

    Yields:
        Group -> (cols, pixels, pixels, bands) uint16, reflectance * 10000; and (cols,) bool: each pixel of the square
        has data in at least one band.

    Raises:
        ProductError: a band cannot be read.
    """
    gsds = {group: group_gsd(group) for group in groups}
    dn = {gsd: read_bands(scene, BANDS_BY_GSD[gsd], strip.scaled(SQUARE_M // gsd)) for gsd in gsds.values()}
    images = {group: _network_values(scene, dn[gsd], gsd) for group, gsd in gsds.items()}
    data = has_data(scene, dn)[..., None]
    for row in range(strip.height):
        squares = {group: _cut_row(image, row, SQUARE_M // gsds[group]) for group, image in images.items()}
        yield squares, _cut_row(data, row, SQUARE_M // min(dn)).all(axis=(1, 2, 3))


def group_gsd(group: str) -> int:
    """Return the GSD of a Sentinel-2 group in metres: `s2_20m` -> 20."""
    return int(group[3:-1])


def _network_values(scene: Scene, dn: np.ndarray, gsd: int) -> np.ndarray:
    """Convert the bands of one GSD to reflectance * 10000 in uint16, shape of dn."""
    return scaled_reflectance(scene, dn, gsd).round().clip(0, HIGHEST_DN).astype(np.uint16)


def _cut_row(image: np.ndarray, row: int, size: int) -> np.ndarray:
    """Return one row of squares, (cols, size, size, bands)."""
    part = image[row * size : (row + 1) * size]
    return part.reshape(size, -1, size, part.shape[-1]).swapaxes(0, 1)
