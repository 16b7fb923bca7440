"""Grids of bands: georeference, bounds in degrees, and errors for bands with another grid."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osgeo import osr

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.rasters.grids import (
    GeoReference,
    check_grids,
    epsg_code,
    footprint_lonlat,
    georeference,
    lonlat_bounds,
    lonlat_outline,
    project_bounds,
    wkt2,
)
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import UPPER_LEFT, write_patch_folder, write_safe, write_tif


def test_georeference(fake_product: Path) -> None:
    scene = open_scene(fake_product)
    for gsd in (10, 20, 60):
        grid = georeference(scene, gsd)
        assert grid.geotransform == (UPPER_LEFT[0], gsd, 0, UPPER_LEFT[1], 0, -gsd)
        assert (grid.rows, grid.cols) == (2400 // gsd, 2400 // gsd)
        assert 'AUTHORITY["EPSG","32632"]' in grid.crs_wkt
    check_grids(scene)


def test_footprint_is_lon_before_lat(fake_product: Path) -> None:
    west, south, east, north = footprint_lonlat(open_scene(fake_product))
    # The outermost of the corners as the command gdaltransform gives them.
    assert (west, south, east, north) == pytest.approx((10.33605, 47.82396, 10.36867, 47.84592), abs=2e-5)


def test_footprint_across_the_antimeridian(tmp_path: Path) -> None:
    product = write_safe(tmp_path, tile="T01WCP", epsg=32601, upper_left=(361620, 7302000))
    west, _, east, _ = footprint_lonlat(open_scene(product))
    assert (west, east) == pytest.approx((179.97, -179.97), abs=0.02)


def test_band_elsewhere(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    path = patch / f"{patch.name}_B06.tif"
    write_tif(path, np.ones((60, 60), np.uint16), (600020, 20, 0, 5300040, 0, -20))
    with pytest.raises(
        ProductError, match=r"B06 has 60 x 60 px of 20 m at \(600020, \S+\) in .+, but B05 has .*\(600000, "
    ):
        georeference(open_scene(patch), 20)


def test_no_georeference(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    write_tif(patch / f"{patch.name}_B02.tif", np.ones((120, 120), np.uint16))
    with pytest.raises(ProductError, match=r"_B02\.tif has no georeference"):
        georeference(open_scene(patch), 10)


def test_grids_of_different_ground(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    for band in BANDS_BY_GSD[60]:
        write_tif(patch / f"{patch.name}_{band}.tif", np.ones((19, 20), np.uint16), (600000, 60, 0, 5300040, 0, -60))
    with pytest.raises(
        ProductError, match=r"the 60 m grid has 1140 x 1200 m at .*, but the 10 m grid has 1200 x 1200 m"
    ):
        check_grids(open_scene(patch))


@pytest.mark.real_data
def test_real_footprint(real_data: Path) -> None:
    """Malmö, as gdalinfo gives the corners of T33UUB: 11d48'02"E to 11d54'02"E, 55d51'01"N to 55d54'24"N."""
    scene = open_scene(next(real_data.glob("tiles/*_T33UUB_*.SAFE")))
    assert footprint_lonlat(scene) == pytest.approx((11.80051, 55.85034, 11.90063, 55.90662), abs=1e-5)


def utm_grid(zone: int, x: float, y: float, rows: int, cols: int) -> GeoReference:
    """A grid of 10 m pixels in a zone of the northern hemisphere."""
    system = osr.SpatialReference()
    system.ImportFromEPSG(32600 + zone)
    return GeoReference(system.ExportToWkt(), (x, 10.0, 0.0, y, 0.0, -10.0), rows, cols)


@settings(deadline=None)
@given(
    st.integers(2, 59),
    st.floats(300_000, 700_000),
    st.floats(500_000, 7_500_000),
    st.integers(1, 2000),
    st.integers(1, 2000),
)
def test_bounds_of_the_lonlat_bounds_hold_the_grid(zone: int, x: float, y: float, rows: int, cols: int) -> None:
    """The way to degrees and back gives a rectangle around the grid, at most a few per cent larger."""
    west, south, east, north = lonlat_bounds(utm_grid(zone, x, y, rows, cols))
    assert west < east
    assert south < north
    x_min, y_min, x_max, y_max = project_bounds(utm_grid(zone, x, y, 1, 1), west, south, east, north)
    for low, high, start, stop in ((x_min, x_max, x, x + 10 * cols), (y_min, y_max, y - 10 * rows, y)):
        assert low <= start + 0.5
        assert high >= stop - 0.5
        assert high - low <= (stop - start) + 0.2 * 10 * max(rows, cols)


def test_a_place_far_from_the_zone_has_no_coordinates() -> None:
    assert project_bounds(utm_grid(32, 600_000, 5_300_040, 10, 10), 98, -1, 100, 1) is None


def test_the_outline_of_a_grid_touches_its_bounds() -> None:
    """Its points lie on all four sides, also in the middle, where the sides of a tile are curves in degrees."""
    grid = utm_grid(33, 300000, 6700020, 10980, 10980)
    outline = np.array(lonlat_outline(grid))
    west, south, east, north = lonlat_bounds(grid)
    np.testing.assert_allclose(outline.min(axis=0), [west, south], atol=2e-4)
    np.testing.assert_allclose(outline.max(axis=0), [east, north], atol=2e-4)
    corners = outline[::8]
    assert corners[0][1] > corners[3][1] and corners[1][0] > corners[0][0]  # the upper-left corner comes first
    halfway = (corners[0] + corners[1]) / 2
    assert abs(outline[4] - halfway)[1] * 111_000 > 100  # metres


def test_a_crs_by_number_and_as_text() -> None:
    grid = utm_grid(33, 300000, 6700020, 10, 10)
    assert epsg_code(grid) == 32633
    assert wkt2(grid).startswith("PROJCRS[")
    nameless = osr.SpatialReference()
    nameless.ImportFromProj4("+proj=laea +lat_0=50 +lon_0=10 +datum=WGS84")
    assert epsg_code(replace(grid, crs_wkt=nameless.ExportToWkt())) is None
