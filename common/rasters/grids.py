"""The pixel grids of a scene on the ground: georeference, bounds in degrees, and checks that bands share a grid."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from osgeo import osr

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.rasters.band_sources import open_source
from common.rasters.files import describe_px, require_same
from common.rasters.jpeg2000 import DOWNLOAD_AGAIN
from common.scenes.scene import Scene

osr.UseExceptions()
LONLAT = "EPSG:4326"  # degrees, WGS 84
_EDGE_POINTS = 21  # points a side: straight lines in degrees are curves in UTM
_OUTLINE_STEPS = 8  # straight pieces of a side of an outline


@dataclass(frozen=True)
class GeoReference:
    """The place of a pixel grid on the ground.

    Attributes:
        crs_wkt: coordinate reference system, well-known text.
        geotransform: GDAL's six numbers: x of the left edge, pixel width, 0, y of the upper edge, 0, -pixel height.
        rows: height of the grid in pixels.
        cols: width of the grid in pixels.
    """

    crs_wkt: str
    geotransform: tuple[float, float, float, float, float, float]
    rows: int
    cols: int


def georeference(scene: Scene, gsd: int) -> GeoReference:
    """Return the grid that all bands of one GSD share. Reads headers only.

    Raises:
        ProductError: a band is missing or damaged, has no georeference, or has another grid than the first band.
    """
    grids = {band: _band_grid(scene, band) for band in scene.bands_at(gsd)}
    require_same(scene, {band: _describe(grid) for band, grid in grids.items()})
    return next(iter(grids.values()))


def check_grids(scene: Scene, gsds: Sequence[int] = (10, 20, 60)) -> None:
    """Check that the grids of several GSDs cover the same ground. Reads headers only.

    Raises:
        ProductError: as `georeference`, or one grid has another size or corner on the ground than the first.
    """
    require_same(scene, {f"the {gsd} m grid": describe_ground(georeference(scene, gsd)) for gsd in gsds})


def footprint_lonlat(scene: Scene) -> tuple[float, float, float, float]:
    """Return the bounds of a scene in degrees, as `lonlat_bounds` does for a grid.

    Raises:
        ProductError: as `georeference`.
    """
    gsd = next((gsd for gsd, bands in BANDS_BY_GSD.items() if set(bands) <= set(scene.band_paths)), 10)
    return lonlat_bounds(georeference(scene, gsd))


def lonlat_bounds(grid: GeoReference) -> tuple[float, float, float, float]:
    """Return the bounds of a grid in degrees WGS 84: west, south, east, north. Across the antimeridian west > east."""
    x, width, _, y, _, height = grid.geotransform
    x_max, y_min = x + width * grid.cols, y + height * grid.rows
    west, south, east, north = _transformation(grid.crs_wkt, LONLAT).TransformBounds(x, y_min, x_max, y, _EDGE_POINTS)
    return west, south, east, north


def lonlat_outline(grid: GeoReference) -> list[tuple[float, float]]:
    """Return points along the edge of a grid as (longitude, latitude) in degrees WGS 84, clockwise from its upper-left corner.

    Between the corners lie further points, because straight edges in a CRS such as UTM are curves in degrees: 400 m from
    the straight line in the middle of a tile's edge at 60 degrees north, and 6 m between these points.
    """
    x, width, x_skew, y, y_skew, height = grid.geotransform
    corners = [(0, 0), (grid.cols, 0), (grid.cols, grid.rows), (0, grid.rows)]
    pixels = [
        (col1 + (col2 - col1) * step / _OUTLINE_STEPS, row1 + (row2 - row1) * step / _OUTLINE_STEPS)
        for (col1, row1), (col2, row2) in zip(corners, [*corners[1:], corners[0]], strict=True)
        for step in range(_OUTLINE_STEPS)
    ]
    points = [(x + col * width + row * x_skew, y + col * y_skew + row * height) for col, row in pixels]
    return [(lon, lat) for lon, lat, _ in _transformation(grid.crs_wkt, LONLAT).TransformPoints(points)]


def epsg_code(grid: GeoReference) -> int | None:
    """Return the EPSG code of the CRS of a grid; None if it has none."""
    system = osr.SpatialReference(wkt=grid.crs_wkt)
    return int(system.GetAuthorityCode(None)) if system.GetAuthorityName(None) == "EPSG" else None


def wkt2(grid: GeoReference) -> str:
    """Return the CRS of a grid as well-known text of the second version, ISO 19162."""
    return str(osr.SpatialReference(wkt=grid.crs_wkt).ExportToWkt(["FORMAT=WKT2_2019"]))


def project_bounds(
    grid: GeoReference, west: float, south: float, east: float, north: float
) -> tuple[float, float, float, float] | None:
    """Return the bounds of a rectangle in degrees WGS 84 in the CRS of a grid: x_min, y_min, x_max, y_max.

    None if the rectangle is too far from the grid to have coordinates in this CRS.
    """
    try:
        bounds = _transformation(LONLAT, grid.crs_wkt).TransformBounds(west, south, east, north, _EDGE_POINTS)
    except RuntimeError:
        return None
    x_min, y_min, x_max, y_max = bounds
    return (x_min, y_min, x_max, y_max) if all(map(math.isfinite, bounds)) else None


def transform_bounds(
    bounds: tuple[float, float, float, float], source: GeoReference, target: GeoReference
) -> tuple[float, float, float, float]:
    """Return the bounds, in the CRS of `target`, of a rectangle in the CRS of `source`: x_min, y_min, x_max, y_max.

    The rectangle must be near `target`, such as in a neighbouring UTM zone.
    """
    if is_same_crs(source.crs_wkt, target.crs_wkt):
        return bounds
    x_min, y_min, x_max, y_max = _transformation(source.crs_wkt, target.crs_wkt).TransformBounds(*bounds, _EDGE_POINTS)
    return x_min, y_min, x_max, y_max


@functools.cache
def is_same_crs(wkt: str, other_wkt: str) -> bool:
    """Return whether two texts describe the same coordinate reference system."""
    return wkt == other_wkt or bool(osr.SpatialReference(wkt=wkt).IsSame(osr.SpatialReference(wkt=other_wkt)))


def describe_crs(grid: GeoReference) -> str:
    """Return the EPSG code of a grid's CRS, such as `EPSG:32633`; its name if it has no code."""
    system = osr.SpatialReference(wkt=grid.crs_wkt)
    code = system.GetAuthorityCode(None)
    return f"{system.GetAuthorityName(None)}:{code}" if code else system.GetName().replace(" ", "_")


def describe_ground(grid: GeoReference) -> str:
    """Return the size and the corner of a grid on the ground, as messages show them."""
    pixel = grid.geotransform[1]
    return f"{grid.rows * pixel:g} x {grid.cols * pixel:g} m {_describe_corner(grid)}"


@functools.cache
def _transformation(source_crs: str, target_crs: str) -> osr.CoordinateTransformation:
    """Return the transformation from one CRS to another; longitude before latitude, x before y."""
    systems = []
    for crs in (source_crs, target_crs):
        system = osr.SpatialReference()
        system.SetFromUserInput(crs)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)  # EPSG:4326 itself puts latitude first
        systems.append(system)
    return osr.CoordinateTransformation(*systems)


def _band_grid(scene: Scene, band: str) -> GeoReference:
    source = open_source(scene, band)
    geotransform = source.geotransform()
    wkt = source.crs_wkt or _crs_wkt(scene)
    if geotransform is None or not wkt:
        raise ProductError(f"{source.path} has no georeference; {DOWNLOAD_AGAIN}.")
    if not math.isclose(geotransform[1], BANDS[band].gsd, rel_tol=1e-6):
        raise ProductError(
            f"{source.path} has pixels of {geotransform[1]:g} m; the native GSD of {band} is {BANDS[band].gsd} m: give the "
            f"file as ESA or the archive made it, not resampled."
        )
    return GeoReference(wkt, geotransform, source.rows, source.cols)


def _crs_wkt(scene: Scene) -> str:
    """Return the CRS in the metadata of a scene as well-known text; empty if there is none."""
    if not scene.crs:
        return ""
    system = osr.SpatialReference()
    system.SetFromUserInput(scene.crs)
    return str(system.ExportToWkt())


def _describe(grid: GeoReference) -> str:
    pixel = grid.geotransform[1]
    return f"{describe_px(grid.rows, grid.cols)} of {pixel:g} m {_describe_corner(grid)}"


def _describe_corner(grid: GeoReference) -> str:
    x, y = grid.geotransform[0], grid.geotransform[3]
    return f"at ({x:g}, {y:g}) in {osr.SpatialReference(wkt=grid.crs_wkt).GetName()}"
