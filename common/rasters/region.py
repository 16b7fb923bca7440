"""A part of a scene, as a user names it -> Window on the scene's 10 m grid. No pixels are read.

Pixels are counted from the upper-left corner; x is the column and y the row. x1,y1 is the first pixel of the region and
x2,y2 the first one behind it, so that a region is x2 - x1 pixels wide. Longitudes come before latitudes, in degrees WGS 84.
"""

import logging
import math

from osgeo import osr

from common.errors import SettingError
from common.pixels.windows import Window
from common.rasters.grids import GeoReference

logger = logging.getLogger(__name__)

EDGE_POINTS = 21  # points a side: parallels and meridians are curved lines in UTM
ROUNDING_PX = 1e-4  # a bound this close to the edge of a pixel is on it


def pixel_region(text: str, grid: GeoReference, smallest: int = 1) -> Window:
    """The region `x1,y1,x2,y2` in pixels of the grid.

    Args:
        text: four whole numbers.
        grid: the scene's 10 m grid.
        smallest: least rows and columns.

    Raises:
        SettingError: it is upside down, too small, or not inside the scene.
    """
    option = f"--roi-pixels {text}"
    numbers = _numbers(text, option, "x1,y1,x2,y2 in pixels of the 10 m grid")
    if any(number != int(number) for number in numbers):
        raise SettingError(f"{option}: pixels are whole numbers; round them.")
    x1, y1, x2, y2 = (int(number) for number in numbers)
    if x2 <= x1 or y2 <= y1:
        raise SettingError(f"{option} is empty or upside down; expected x1 < x2 and y1 < y2, y counted downwards.")
    if min(x1, y1) < 0 or x2 > grid.cols or y2 > grid.rows:
        raise SettingError(f"{option} is not inside the scene, whose pixels are 0,0,{grid.cols},{grid.rows}; cut it.")
    window = Window(y1, x1, y2 - y1, x2 - x1)
    _require_size(option, window, smallest)
    return window


def lonlat_region(text: str, grid: GeoReference, smallest: int = 1) -> Window:
    """The pixels that a rectangle `lon1,lat1,lon2,lat2` touches; what of it is outside the scene is left out, with a warning.

    Args:
        text: west, south, east, north in degrees.
        grid: the scene's 10 m grid.
        smallest: least rows and columns.

    Raises:
        SettingError: it is upside down, too small, or outside the scene.
    """
    option = f"--roi-lonlat {text}"
    west, south, east, north = _numbers(text, option, "lon1,lat1,lon2,lat2 in degrees")
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 180:
        raise SettingError(f"{option} is no place; longitudes, -180 to 180, come before latitudes, -90 to 90.")
    if east <= west or north <= south:
        raise SettingError(
            f"{option} is empty or upside down; expected lon1 < lon2 (west, east) and lat1 < lat2 (south, north); what "
            f"lies on both sides of 180 degrees goes in two parts."
        )
    left, top, right, bottom = _pixel_bounds((west, south, east, north), grid)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, grid.cols), min(bottom, grid.rows)
    if x2 <= x1 or y2 <= y1:
        raise SettingError(f"{option} is outside the scene, which covers {_footprint(grid)}; give a region inside it.")
    if (x1, y1, x2, y2) != (left, top, right, bottom):
        logger.warning("%s reaches beyond the scene; the result holds what is inside", option)
    window = Window(y1, x1, y2 - y1, x2 - x1)
    _require_size(option, window, smallest)
    return window


def _numbers(text: str, option: str, expected: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise SettingError(f"{option}: expected four numbers {expected}, with commas and no spaces between them.")
    return numbers


def _require_size(option: str, window: Window, smallest: int) -> None:
    if min(window.height, window.width) < smallest:
        raise SettingError(
            f"{option} is {window.height} x {window.width} px of 10 m; expected at least "
            f"{smallest} x {smallest}, one pixel of the coarsest band."
        )


def _pixel_bounds(lonlat: tuple[float, ...], grid: GeoReference) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that a rectangle in degrees touches, whether in the grid or not."""
    x0, width, _, y0, _, height = grid.geotransform
    try:
        x_min, y_min, x_max, y_max = _transformation(grid, to_grid=True).TransformBounds(*lonlat, EDGE_POINTS)
    except RuntimeError:
        x_min = y_min = x_max = y_max = math.inf
    if not all(map(math.isfinite, (x_min, y_min, x_max, y_max))):  # too far from the scene's zone to have coordinates
        return 0, 0, 0, 0
    return (
        math.floor((x_min - x0) / width + ROUNDING_PX),
        math.floor((y_max - y0) / height + ROUNDING_PX),
        math.ceil((x_max - x0) / width - ROUNDING_PX),
        math.ceil((y_min - y0) / height - ROUNDING_PX),
    )


def _footprint(grid: GeoReference) -> str:
    x, width, _, y, _, height = grid.geotransform
    bounds = (x, y + height * grid.rows, x + width * grid.cols, y)
    return ",".join(
        f"{degrees:.4f}" for degrees in _transformation(grid, to_grid=False).TransformBounds(*bounds, EDGE_POINTS)
    )


def _transformation(grid: GeoReference, to_grid: bool) -> osr.CoordinateTransformation:
    """Between degrees and the grid's coordinates, x before y on both sides whatever their authorities say."""
    degrees, metres = osr.SpatialReference(), osr.SpatialReference(wkt=grid.crs_wkt)
    degrees.ImportFromEPSG(4326)
    for system in (degrees, metres):
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return osr.CoordinateTransformation(degrees, metres) if to_grid else osr.CoordinateTransformation(metres, degrees)
