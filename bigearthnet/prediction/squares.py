"""Scene -> squares of 1.2 km as BigEarthNet cuts them.

Squares lie side by side from the upper-left corner of the 10 m grid. Pixels at the right and lower edges that fill no
square are left out. Pixels become reflectance * 10000 with the product's own offset, as BigEarthNet's DN are.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from common.errors import ProductError
from common.pixels.radiometry import dn_to_scaled_reflectance
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.rasters.grids import GeoReference, georeference
from common.scenes.reflectance import band_offsets
from common.scenes.scene import Scene

SQUARE_PX = 120  # at 10 m
SQUARE_M = 1200
ROWS_AT_ONCE = 8  # rows of squares: about as many pixels as a block of a JPEG 2000 file has
HIGHEST_DN = np.iinfo(np.uint16).max


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
        Group -> (cols, pixels, pixels, bands) uint16, reflectance * 10000; and (cols,) bool: the square holds no nodata.

    Raises:
        ProductError: a band cannot be read.
    """
    images = {group: _read_strip(scene, strip, group_gsd(group)) for group in groups}
    for row in range(strip.height):
        squares, valid = {}, np.ones(strip.width, bool)
        for group, (dn, reflectance) in images.items():
            size = SQUARE_M // group_gsd(group)
            squares[group] = _cut_row(reflectance, row, size)
            valid &= (_cut_row(dn, row, size) != scene.nodata).all(axis=(1, 2, 3))
        yield squares, valid


def group_gsd(group: str) -> int:
    """Return the GSD of a Sentinel-2 group in metres: `s2_20m` -> 20."""
    return int(group[3:-1])


def _read_strip(scene: Scene, strip: Window, gsd: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the bands of one GSD: DN as stored, and reflectance * 10000 in uint16, (rows, cols, bands) each."""
    bands = BANDS_BY_GSD[gsd]
    dn = read_bands(scene, bands, strip.scaled(SQUARE_M // gsd))
    reflectance = dn_to_scaled_reflectance(dn, scene.quantification, band_offsets(scene, bands))
    return dn, reflectance.round().clip(0, HIGHEST_DN).astype(np.uint16)


def _cut_row(image: np.ndarray, row: int, size: int) -> np.ndarray:
    """Return one row of squares, (cols, size, size, bands)."""
    part = image[row * size : (row + 1) * size]
    return part.reshape(size, -1, size, part.shape[-1]).swapaxes(0, 1)
