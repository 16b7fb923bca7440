"""Outline of a raster in degrees -> GeoJSON geometry and bounding box, as RFC 7946 wants them.

Rings run counterclockwise. A footprint across the antimeridian becomes two polygons, and its box has west > east.
"""

from collections.abc import Sequence
from typing import Any

Point = tuple[float, float]  # longitude, latitude in degrees
DECIMALS = 7  # a centimetre
FULL_TURN = 360.0


def footprint_geometry(outline: Sequence[Point]) -> dict[str, Any]:
    """Return the area inside an outline as a GeoJSON geometry.

    Args:
        outline: corners in either direction, the first one not repeated; it holds no pole.
    """
    ring = counterclockwise(unwrap(outline))
    parts = [clip_longitudes(ring, -180.0 + turn, 180.0 + turn) for turn in (-FULL_TURN, 0.0, FULL_TURN)]
    rings = [
        [(lon - turn, lat) for lon, lat in part]
        for part, turn in zip(parts, (-FULL_TURN, 0.0, FULL_TURN), strict=True)
        if len(part) >= 3
    ]
    polygons = [[_closed(part)] for part in rings]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def bounding_box(outline: Sequence[Point]) -> list[float]:
    """Return west, south, east, north of an outline in degrees; across the antimeridian west > east."""
    ring = unwrap(outline)
    longitudes, latitudes = zip(*ring, strict=True)
    west, east = (_within_half_turn(lon) for lon in (min(longitudes), max(longitudes)))
    return [round(value, DECIMALS) for value in (west, min(latitudes), east, max(latitudes))]


def unwrap(outline: Sequence[Point]) -> list[Point]:
    """Return the outline with longitudes that do not jump at 180 degrees; they may then lie outside -180 to 180."""
    ring = [outline[0]]
    for lon, lat in outline[1:]:
        turns = round((ring[-1][0] - lon) / FULL_TURN)
        ring.append((lon + turns * FULL_TURN, lat))
    return ring


def counterclockwise(ring: Sequence[Point]) -> list[Point]:
    """Return the ring in counterclockwise order."""
    following = [*ring[1:], ring[0]]
    twice_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, following, strict=True))
    return list(ring) if twice_area > 0 else list(reversed(ring))


def clip_longitudes(ring: Sequence[Point], west: float, east: float) -> list[Point]:
    """Return the part of a ring between two meridians (Sutherland and Hodgman 1974); empty if there is none."""
    return _clip_side(_clip_side(ring, west, 1), east, -1)


def _clip_side(ring: Sequence[Point], meridian: float, sign: int) -> list[Point]:
    """Return the part of a ring at one side of a meridian: east of it for sign 1, west of it for sign -1."""
    kept: list[Point] = []
    for (x1, y1), (x2, y2) in zip([*ring[-1:], *ring[:-1]], ring, strict=True):
        was_inside, is_inside = sign * (x1 - meridian) > 0, sign * (x2 - meridian) > 0
        if was_inside != is_inside:
            kept.append((meridian, y1 + (y2 - y1) * (meridian - x1) / (x2 - x1)))
        if is_inside:
            kept.append((x2, y2))
    return kept


def _closed(ring: Sequence[Point]) -> list[list[float]]:
    return [[round(lon, DECIMALS), round(lat, DECIMALS)] for lon, lat in (*ring, ring[0])]


def _within_half_turn(lon: float) -> float:
    """Return the longitude in -180 to 180."""
    if -180 <= lon <= 180:
        return lon
    return (lon + 180) % FULL_TURN - 180
