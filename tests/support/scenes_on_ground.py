"""Scenes that consist of patches on the ground only: no files, no pixels."""

from functools import cache

import numpy as np
from osgeo import osr

from common.patches.ground import ScenePatches, patch_boxes
from common.patches.sampling import candidate_positions
from common.patches.settings import PatchSettings
from common.rasters.grids import GeoReference, lonlat_bounds

ORIGIN = 500_000, 5_300_000  # metres: the upper-left corner of a scene that is not moved
UTM_33 = 32633


@cache
def crs_wkt(epsg: int) -> str:
    """Return a coordinate reference system as text."""
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    return system.ExportToWkt()


def grid_at(row: int, col: int, rows: int, cols: int, gsd: int = 20, epsg: int = UTM_33) -> GeoReference:
    """Return the grid of a scene, row and col pixels below and right of ORIGIN."""
    corner = ORIGIN[0] + col * gsd, ORIGIN[1] - row * gsd
    return GeoReference(crs_wkt(epsg), (corner[0], gsd, 0, corner[1], 0, -gsd), rows, cols)


def scene_on_ground(
    name: str, grid: GeoReference, settings: PatchSettings, rng: np.random.Generator | None = None
) -> ScenePatches:
    """Return a scene with a random choice of `settings.count` candidate positions, or with all if there is no `rng`."""
    positions = candidate_positions(grid.rows, grid.cols, settings)
    if rng is not None:
        positions = rng.permutation(positions)[: settings.count]
    boxes = patch_boxes(grid, positions, settings.patch_px)
    return ScenePatches(name, lonlat_bounds(grid), grid, boxes, positions[:, 2])
