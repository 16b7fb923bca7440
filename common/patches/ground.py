"""Scenes and patches as rectangles on the ground, and whether they overlap.

A `Footprint` is in degrees and serves to find the scenes that are near each other. A `Box` is in metres of the scene's
coordinate reference system (CRS) and is exact. Arrays of boxes are (N, 4): x_min, y_min, x_max, y_max.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.patches.settings import PatchSettings
from common.rasters.grids import GeoReference, footprint_lonlat, georeference
from common.scenes.scene import Scene

Footprint = tuple[float, float, float, float]  # west, south, east, north in degrees
Box = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max in metres
LEAST_OVERLAP = 0.002  # share of the smaller footprint; tiles that meet at a corner share 0.008
ROUNDING_M = 0.1  # coordinates that differ by less are equal; pixels of Sentinel-2 are 10 m or more


@dataclass(frozen=True)
class ScenePatches:
    """The patches of a scene on the ground.

    Attributes:
        name: name of the scene; for a joint network with the GSD of the target grid.
        footprint: west, south, east, north of the scene in degrees.
        grid: the target grid of the scene.
        boxes: (N, 4) float, one box for each patch.
        blocks: (N,) int, the block of each patch.
    """

    name: str
    footprint: Footprint
    grid: GeoReference
    boxes: np.ndarray
    blocks: np.ndarray

    @property
    def extent(self) -> Box:
        """The box of the whole scene."""
        return grid_extent(self.grid)

    def block_box(self, block: int) -> Box:
        """Return the smallest box that holds all patches of a block."""
        boxes = self.boxes[self.blocks == block]
        x_min, y_min, x_max, y_max = *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)
        return float(x_min), float(y_min), float(x_max), float(y_max)


def patches_on_ground(scene: Scene, positions: np.ndarray, settings: PatchSettings) -> ScenePatches:
    """Return the patches of a scene on the ground.

    Args:
        scene: the scene.
        positions: (N, 3) int, row and col on the target grid, and block.
        settings: GSD and size of the patches.

    Raises:
        ProductError: as `georeference`.
    """
    grid = georeference(scene, settings.gsd)
    boxes = patch_boxes(grid, positions, settings.patch_px)
    # A joint network learns from patches of several scales of one scene.
    name = f"{scene.name}-{settings.gsd}m" if settings.joint else scene.name
    return ScenePatches(name, footprint_lonlat(scene), grid, boxes, positions[:, 2])


def patch_boxes(grid: GeoReference, positions: np.ndarray, size: int) -> np.ndarray:
    """Return the boxes of patches of size x size pixels, (N, 4) float; `positions` begin with row and col."""
    x, width, _, y, _, height = grid.geotransform
    left, top = x + positions[:, 1] * width, y + positions[:, 0] * height
    return np.stack([left, top + size * height, left + size * width, top], axis=1)


def grid_extent(grid: GeoReference) -> Box:
    """Return the box of all pixels of a grid."""
    x, width, _, y, _, height = grid.geotransform
    return x, y + grid.rows * height, x + grid.cols * width, y


def grown(boxes: np.ndarray, margin: float, limits: Box) -> np.ndarray:
    """Return boxes, (N, 4) or (4,), grown by a margin on each side but not beyond `limits`."""
    x_min, y_min, x_max, y_max = limits
    return np.clip(boxes + margin * np.array([-1, -1, 1, 1]), [x_min, y_min] * 2, [x_max, y_max] * 2)


def touches(boxes: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Return for each of (N, 4) boxes whether it shares ground with `box`; a common edge is no common ground."""
    inner = np.asarray(box) + ROUNDING_M * np.array([1, 1, -1, -1])
    return ((boxes[:, :2] < inner[2:]) & (boxes[:, 2:] > inner[:2])).all(axis=1)


def is_inside(boxes: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Return for each of (N, 4) boxes whether it lies inside `box`."""
    outer = np.asarray(box) + ROUNDING_M * np.array([-1, -1, 1, 1])
    return ((boxes[:, :2] >= outer[:2]) & (boxes[:, 2:] <= outer[2:])).all(axis=1)


def overlaps(a: Footprint, b: Footprint, least: float = LEAST_OVERLAP) -> bool:
    """Return whether two footprints share more than a part of the smaller one."""
    height = min(a[3], b[3]) - max(a[1], b[1])
    # A footprint may cross 180 degrees, so that its east is less than its west: add a full turn, and try all turns.
    spans = [(west, east if east > west else east + 360) for west, east in ((a[0], a[2]), (b[0], b[2]))]
    width = max(min(spans[0][1], spans[1][1] + turn) - max(spans[0][0], spans[1][0] + turn) for turn in (-360, 0, 360))
    smaller = min((spans[0][1] - spans[0][0]) * (a[3] - a[1]), (spans[1][1] - spans[1][0]) * (b[3] - b[1]))
    return width > 0 and height > 0 and width * height > least * smaller


def group_by_ground(footprints: Sequence[Footprint]) -> list[int]:
    """Return a group for each footprint; footprints that overlap, directly or through others, have the same group."""
    groups = list(range(len(footprints)))
    for i, first in enumerate(footprints):
        for j in range(i):
            if overlaps(first, footprints[j]) and groups[i] != groups[j]:
                old, new = groups[i], groups[j]
                groups = [new if group == old else group for group in groups]
    return groups
