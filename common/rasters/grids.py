"""The pixel grids of a scene on the ground: georeference, footprint, and whether the grids of several bands agree."""

from collections.abc import Sequence
from dataclasses import dataclass

from osgeo import osr

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.rasters.files import AGAIN, describe_px, open_band, require_same
from common.scenes.scene import Scene

_EDGE_POINTS = 21  # points a side: meridians are curved lines in UTM


@dataclass(frozen=True)
class GeoReference:
    """Where a pixel grid lies on the ground.

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
    """The grid that all bands of one GSD share. Reads headers only.

    Raises:
        ProductError: a band is missing or damaged, lacks a georeference, or lies on another grid.
    """
    grids = {band: _grid(scene, band) for band in scene.bands_at(gsd)}
    require_same(scene, {band: _describe(grid) for band, grid in grids.items()})
    return next(iter(grids.values()))


def check_grids(scene: Scene, gsds: Sequence[int] = (10, 20, 60)) -> None:
    """Check that the grids of several GSDs cover the same ground. Reads headers only.

    Raises:
        ProductError: as `georeference`, or one grid is larger, smaller or elsewhere than the first.
    """
    grounds = {f"the {gsd} m grid": _ground(georeference(scene, gsd)) for gsd in gsds}
    require_same(scene, grounds)


def footprint_lonlat(scene: Scene) -> tuple[float, float, float, float]:
    """Bounds of the scene in degrees: (west, south, east, north); west > east across the antimeridian.

    Raises:
        ProductError: as `georeference`.
    """
    gsd = next((gsd for gsd, bands in BANDS_BY_GSD.items() if set(bands) <= set(scene.band_paths)), 10)
    grid = georeference(scene, gsd)
    x, width, _, y, _, height = grid.geotransform
    source, target = osr.SpatialReference(wkt=grid.crs_wkt), osr.SpatialReference()
    target.ImportFromEPSG(4326)
    for system in (source, target):
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)  # x, y and lon, lat, whatever the authority says
    transform = osr.CoordinateTransformation(source, target)
    bounds = transform.TransformBounds(x, y + height * grid.rows, x + width * grid.cols, y, _EDGE_POINTS)
    west, south, east, north = bounds
    return west, south, east, north


def _grid(scene: Scene, band: str) -> GeoReference:
    """Georeference of one band."""
    dataset = open_band(scene, band)
    geotransform = dataset.GetGeoTransform(can_return_null=True)
    wkt = dataset.GetProjection()
    if geotransform is None or not wkt:
        raise ProductError(f"{dataset.GetDescription()} has no georeference; {AGAIN}.")
    return GeoReference(wkt, tuple(geotransform), dataset.RasterYSize, dataset.RasterXSize)


def _describe(grid: GeoReference) -> str:
    x, pixel, _, y, *_ = grid.geotransform
    return f"{describe_px(grid.rows, grid.cols)} of {pixel:g} m at ({x:g}, {y:g}) in {_crs(grid)}"


def _ground(grid: GeoReference) -> str:
    x, pixel, _, y, *_ = grid.geotransform
    return f"{grid.rows * pixel:g} x {grid.cols * pixel:g} m at ({x:g}, {y:g}) in {_crs(grid)}"


def _crs(grid: GeoReference) -> str:
    return osr.SpatialReference(wkt=grid.crs_wkt).GetName()
