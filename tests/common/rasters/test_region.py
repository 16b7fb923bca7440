"""Regions in pixels and in degrees give the right window; wrong ones give clear errors."""

import logging

import pytest
from osgeo import gdal, osr

from common.errors import SettingError
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.rasters.region import find_region, lonlat_region, pixel_region

ROWS, COLS = 240, 300


def grid_at(epsg: int, x: float, y: float) -> GeoReference:
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    return GeoReference(system.ExportToWkt(), (x, 10.0, 0.0, y, 0.0, -10.0), ROWS, COLS)


GRID = grid_at(32632, 600000, 5300040)  # 10.34 E, 47.84 N
SOUTH = grid_at(32756, 300000, 6200000)  # 150.8 E, 34.3 S


def lonlat_of(grid: GeoReference, col: float, row: float) -> tuple[float, float]:
    """Return the degrees of a point in the grid, computed by GDAL's transformer."""
    memory = gdal.GetDriverByName("MEM").Create("", 1, 1)
    memory.SetProjection(grid.crs_wkt)
    memory.SetGeoTransform(grid.geotransform)
    done, (lon, lat, _) = gdal.Transformer(memory, None, ["DST_SRS=OGC:CRS84"]).TransformPoint(0, col, row)
    assert done
    return lon, lat


def test_the_region_is_the_whole_scene_without_options():
    assert find_region(GRID) == Window(0, 0, ROWS, COLS)


def test_a_region_in_pixels_or_in_degrees():
    assert find_region(GRID, pixels="10,20,110,60") == Window(20, 10, 40, 100)
    region = find_region(GRID, lonlat="10.3400,47.8420,10.3425,47.8440")
    assert region.overlap(Window(0, 0, ROWS, COLS)) == region
    assert 15 < region.height < 35


@pytest.mark.parametrize("values", [("", None), (None, "")])
def test_an_empty_region_is_not_the_whole_scene(values):
    with pytest.raises(SettingError, match="expected four numbers"):
        find_region(GRID, *values)


def test_pixels_are_half_open_and_x_comes_first():
    assert pixel_region("10,20,110,60", GRID) == Window(row=20, col=10, height=40, width=100)
    assert pixel_region("0,0,300,240", GRID) == Window(0, 0, ROWS, COLS)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("0,0,301,240", "is not inside the scene, which is 0,0,300,240"),
        ("0,0,300,241", "is not inside the scene"),
        ("-1,0,30,24", "is not inside the scene"),
        ("400,0,500,24", "is not inside the scene"),
        ("30,0,10,24", "is empty or upside down; expected x1 < x2"),
        ("0,24,30,4", "is empty or upside down"),
        ("5,5,5,50", "is empty or upside down"),
        ("0,0,60", "expected four numbers x1,y1,x2,y2"),
        ("a,b,c,d", "expected four numbers"),
        ("0,0,nan,50", "expected four numbers"),
        ("0.5,0,50,50", "pixels are whole numbers"),
    ],
)
def test_pixels_refused(text, reason):
    with pytest.raises(SettingError, match=f"^--roi-pixels {text}:? ?{reason}"):
        pixel_region(text, GRID)


@pytest.mark.parametrize("grid", [GRID, SOUTH], ids=["north", "south"])
def test_degrees_are_longitude_before_latitude(grid):
    """The rectangle of two inner points holds both. It is only a little larger, because UTM is turned against north."""
    lon1, lat1 = lonlat_of(grid, 50.5, 200.5)
    lon2, lat2 = lonlat_of(grid, 120.5, 90.5)
    region = lonlat_region(f"{lon1},{lat1},{lon2},{lat2}", grid)
    held = Window(90, 50, 111, 71)
    assert region.overlap(held) == held
    assert region.height < held.height + 8
    assert region.width < held.width + 8


def test_a_bound_on_the_edge_of_pixels_adds_none():
    """On the central meridian of a zone UTM is not turned, so a rectangle of degrees is a rectangle of pixels."""
    grid = grid_at(32632, 500000 - COLS * 5, 5300040)
    (lon1, _), (lon2, _) = lonlat_of(grid, 149, 50), lonlat_of(grid, 151, 50)
    lat2, lat1 = lonlat_of(grid, 150, 50)[1], lonlat_of(grid, 150, 60)[1]
    assert lonlat_region(f"{lon1},{lat1},{lon2},{lat2}", grid) == Window(50, 149, 10, 2)


def test_degrees_beyond_the_scene_are_cut_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert lonlat_region("10,47,11,48.5", GRID) == Window(0, 0, ROWS, COLS)
    assert "reaches beyond the scene" in caplog.text


@pytest.mark.parametrize(
    "text, reason",
    [
        ("20,47,21,48", "is outside the scene, which covers 10.33"),
        ("-120,-40,-119,-39", "is outside the scene"),
        ("98,-1,100,1", "is outside the scene"),  # it has no coordinates in the scene's zone
        ("10.35,47.83,10.34,47.84", "is empty or upside down; expected lon1 < lon2"),
        ("10.34,47.84,10.35,47.83", "is empty or upside down"),
        ("47.83,110.34,47.84,110.35", "is not on the Earth; give longitudes, -180 to 180, before latitudes"),
        ("10.34;47.83;10.35;47.84", "expected four numbers lon1,lat1,lon2,lat2"),
    ],
)
def test_degrees_refused(text, reason):
    with pytest.raises(SettingError, match=f"^--roi-lonlat {text}:? ?{reason}"):
        lonlat_region(text, GRID)
