"""A region in a user's words -> Window on the 10 m grid of a scene. Reads no pixels.

Pixels are counted from the upper-left corner; x is the column and y the row. x1,y1 is the first pixel of the region,
which is x2 - x1 pixels wide and y2 - y1 pixels high. Longitude comes before latitude, in degrees WGS 84.
"""

import logging
import math

from common.errors import SettingError
from common.pixels.windows import Window
from common.rasters.grids import GeoReference, lonlat_bounds, project_bounds

logger = logging.getLogger(__name__)

ROUNDING_PX = 1e-4  # a bound this close to the edge of a pixel counts as on the edge


def find_region(grid: GeoReference, pixels: str | None = None, lonlat: str | None = None) -> Window:
    """Return the region that the value of --roi-pixels or --roi-lonlat gives, or the whole grid without them.

    Raises:
        SettingError: the region is malformed, or not inside the scene.
    """
    if pixels is not None:
        return pixel_region(pixels, grid)
    if lonlat is not None:
        return lonlat_region(lonlat, grid)
    return Window(0, 0, grid.rows, grid.cols)


def pixel_region(text: str, grid: GeoReference) -> Window:
    """Return the region `x1,y1,x2,y2` in pixels of the grid.

    Args:
        text: four whole numbers, separated by commas.
        grid: the 10 m grid of the scene.

    Raises:
        SettingError: the region is upside down, or not inside the scene.
    """
    option = f"--roi-pixels {text}"
    corners = _parse_corners(text, option, "x1,y1,x2,y2 in pixels of the 10 m grid")
    if any(corner != int(corner) for corner in corners):
        raise SettingError(f"{option}: pixels are whole numbers; round them.")
    x1, y1, x2, y2 = (int(corner) for corner in corners)
    if x2 <= x1 or y2 <= y1:
        raise SettingError(f"{option} is empty or upside down; expected x1 < x2 and y1 < y2, y counted downwards.")
    if min(x1, y1) < 0 or x2 > grid.cols or y2 > grid.rows:
        raise SettingError(f"{option} is not inside the scene, which is 0,0,{grid.cols},{grid.rows}; cut the region.")
    return Window(y1, x1, y2 - y1, x2 - x1)


def lonlat_region(text: str, grid: GeoReference) -> Window:
    """Return the pixels that a rectangle `lon1,lat1,lon2,lat2` touches, cut at the edges of the scene with a warning.

    Args:
        text: west, south, east, north in degrees, separated by commas.
        grid: the 10 m grid of the scene.

    Raises:
        SettingError: the region is upside down, or outside the scene.
    """
    option = f"--roi-lonlat {text}"
    west, south, east, north = _parse_corners(text, option, "lon1,lat1,lon2,lat2 in degrees")
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 180:
        raise SettingError(f"{option} is not on the Earth; give longitudes, -180 to 180, before latitudes, -90 to 90.")
    if east <= west or north <= south:
        raise SettingError(
            f"{option} is empty or upside down; expected lon1 < lon2 (west, east) and lat1 < lat2 (south, north). "
            f"Split a region that crosses 180 degrees in two."
        )
    left, top, right, bottom = _pixel_bounds(grid, west, south, east, north)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, grid.cols), min(bottom, grid.rows)
    if x2 <= x1 or y2 <= y1:
        covered = ",".join(f"{degrees:.4f}" for degrees in lonlat_bounds(grid))
        raise SettingError(f"{option} is outside the scene, which covers {covered}; give a region inside it.")
    if (x1, y1, x2, y2) != (left, top, right, bottom):
        logger.warning("%s reaches beyond the scene; the result holds only the part inside it", option)
    return Window(y1, x1, y2 - y1, x2 - x1)


def _parse_corners(text: str, option: str, expected: str) -> list[float]:
    try:
        corners = [float(part) for part in text.split(",")]
    except ValueError:
        corners = []
    if len(corners) != 4 or not all(map(math.isfinite, corners)):
        raise SettingError(f"{option}: expected four numbers {expected}, with commas and no spaces between them.")
    return corners


def _pixel_bounds(
    grid: GeoReference, west: float, south: float, east: float, north: float
) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the pixels that a rectangle in degrees touches, also outside the grid.

    All are 0 if the rectangle is too far away to have coordinates in the CRS of the grid.
    """
    bounds = project_bounds(grid, west, south, east, north)
    if bounds is None:
        return 0, 0, 0, 0
    x_min, y_min, x_max, y_max = bounds
    x0, width, _, y0, _, height = grid.geotransform
    return (
        math.floor((x_min - x0) / width + ROUNDING_PX),
        math.floor((y_max - y0) / height + ROUNDING_PX),
        math.ceil((x_max - x0) / width - ROUNDING_PX),
        math.ceil((y_min - y0) / height - ROUNDING_PX),
    )
