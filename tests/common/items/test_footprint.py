"""Footprints as GeoJSON: winding, the antimeridian, and no area lost or won."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.items.footprint import bounding_box, footprint_geometry


def rectangle(west: float, south: float, width: float, height: float, clockwise: bool = True) -> list[tuple]:
    """Corners of a rectangle with longitudes in -180 to 180."""
    corners = [(west, south + height), (west + width, south + height), (west + width, south), (west, south)]
    wrapped = [((lon + 180) % 360 - 180, lat) for lon, lat in corners]
    return wrapped if clockwise else wrapped[::-1]


def rings_of(geometry: dict) -> list[np.ndarray]:
    """The rings of a geometry as (points, 2) arrays."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    assert all(len(polygon) == 1 for polygon in polygons)
    return [np.array(polygon[0]) for polygon in polygons]


def signed_area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def test_a_polygon_is_closed_and_counterclockwise():
    geometry = footprint_geometry(rectangle(10, 40, 2, 1))
    assert geometry["type"] == "Polygon"
    (ring,) = rings_of(geometry)
    assert ring[0].tolist() == ring[-1].tolist()
    assert signed_area(ring) == pytest.approx(2)


def test_a_footprint_across_the_antimeridian_is_cut_there():
    outline = rectangle(179, 60, 3, 1)
    geometry = footprint_geometry(outline)
    assert geometry["type"] == "MultiPolygon"
    west_of_it, east_of_it = sorted(rings_of(geometry), key=lambda ring: -ring[:, 0].max())
    assert (west_of_it[:, 0].min(), west_of_it[:, 0].max()) == (179, 180)
    assert (east_of_it[:, 0].min(), east_of_it[:, 0].max()) == (-180, -178)
    assert bounding_box(outline) == [179, 60, -178, 61]


def test_a_footprint_that_ends_at_the_antimeridian_is_one_polygon():
    for west in (-180, 178):
        assert footprint_geometry(rectangle(west, 60, 2, 1))["type"] == "Polygon"
    assert bounding_box([(178, 60), (180, 60), (180, 61), (178, 61)]) == [178, 60, 180, 61]


@settings(max_examples=40, deadline=None)
@given(
    west=st.floats(-180, 179.99),
    south=st.floats(-80, 80),
    width=st.floats(0.01, 20),
    height=st.floats(0.01, 3),
    clockwise=st.booleans(),
)
def test_the_parts_have_the_area_of_the_whole(west, south, width, height, clockwise):
    outline = rectangle(west, south, width, height, clockwise)
    rings = rings_of(footprint_geometry(outline))
    assert sum(signed_area(ring) for ring in rings) == pytest.approx(width * height, abs=1e-5)
    assert all(signed_area(ring) >= 0 for ring in rings)
    assert all(np.abs(ring[:, 0]).max() <= 180 for ring in rings)
    box = bounding_box(outline)
    assert (box[2] - box[0]) % 360 == pytest.approx(width, abs=1e-6)
