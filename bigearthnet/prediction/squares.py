"""Scene -> squares of 1.2 km as BigEarthNet cuts them.

Squares lie side by side from the upper-left corner of the 10 m grid; what is left at the right and lower edges is no
whole square. Pixels become reflectance * 10000 with the product's own offset, as BigEarthNet's DN are.
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
ROWS_AT_ONCE = 8  # rows of squares: JPEG 2000 files are stored in blocks of about as many pixels
HIGHEST_DN = np.iinfo(np.uint16).max


def square_grid(scene: Scene) -> GeoReference:
    """The grid of squares, a pixel each.

    Raises:
        ProductError: the scene is smaller than one square, or damaged.
    """
    grid = georeference(scene, 10)
    x, _, _, y, _, _ = grid.geotransform
    rows, cols = grid.rows // SQUARE_PX, grid.cols // SQUARE_PX
    if not rows or not cols:
        raise ProductError(
            f"{scene.name} has {grid.rows} x {grid.cols} px at 10 m, less than a square of {SQUARE_PX} "
            f"px; give a larger product."
        )
    return GeoReference(grid.crs_wkt, (x, SQUARE_M, 0.0, y, 0.0, -SQUARE_M), rows, cols)


def strips(grid: GeoReference) -> list[Window]:
    """Groups of whole rows of squares, in pixels of their grid."""
    return [Window(row, 0, min(ROWS_AT_ONCE, grid.rows - row), grid.cols) for row in range(0, grid.rows, ROWS_AT_ONCE)]


def read_squares(
    scene: Scene, strip: Window, groups: Sequence[str]
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Squares of a strip, a row of squares at a time.

    Args:
        scene: the product.
        strip: as `strips` gives it.
        groups: of `s2_10m`, `s2_20m`, `s2_60m`.

    Yields:
        Group -> (cols, pixels, pixels, bands) uint16, reflectance * 10000; and (cols,) bool, which squares hold no
        nodata.
    """
    images = {group: read_group(scene, strip, group_gsd(group)) for group in groups}
    for row in range(strip.height):
        squares, valid = {}, np.ones(strip.width, bool)
        for group, (dn, reflectance) in images.items():
            size = SQUARE_M // group_gsd(group)
            squares[group] = cut_row(reflectance, row, size)
            valid &= (cut_row(dn, row, size) != scene.nodata).all(axis=(1, 2, 3))
        yield squares, valid


def group_gsd(group: str) -> int:
    """`s2_20m` -> 20."""
    return int(group[3:-1])


def read_group(scene: Scene, strip: Window, gsd: int) -> tuple[np.ndarray, np.ndarray]:
    """The bands of one GSD in a strip: DN as stored, and reflectance * 10000 in uint16, (rows, cols, bands) each."""
    bands = BANDS_BY_GSD[gsd]
    dn = read_bands(scene, bands, strip.scaled(SQUARE_M // gsd))
    values = dn_to_scaled_reflectance(dn, scene.quantification, band_offsets(scene, bands))
    return dn, values.round().clip(0, HIGHEST_DN).astype(np.uint16)


def cut_row(image: np.ndarray, row: int, size: int) -> np.ndarray:
    """One row of squares, (cols, size, size, bands)."""
    part = image[row * size : (row + 1) * size]
    return part.reshape(size, -1, size, part.shape[-1]).swapaxes(0, 1)
