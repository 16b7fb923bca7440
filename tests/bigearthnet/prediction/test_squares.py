"""Squares of a product: their pixels, their unit, and the squares that are left out."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.prediction.squares import HIGHEST_DN, read_squares, square_grid, square_strips
from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.rasters.bands import read_bands
from common.rasters.grids import GeoReference
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe

GROUPS = ("s2_10m", "s2_20m", "s2_60m")


def all_squares(scene: Scene) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return all squares, group -> (rows, cols, pixels, pixels, bands), and whether each is valid, (rows, cols) bool."""
    rows = [row for strip in square_strips(square_grid(scene)) for row in read_squares(scene, strip, GROUPS)]
    images, valid = zip(*rows, strict=True)
    return {group: np.stack([row[group] for row in images]) for group in GROUPS}, np.stack(valid)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """252 rows, 372 columns at 10 m, offset -1000: 2 x 3 squares and pixels beyond them; the last square holds DN 0."""
    square = textured_pixels(np.random.default_rng(0), 372)
    pixels = {band: image[: len(image) * 252 // 372] for band, image in square.items()}
    return open_scene(
        write_safe(
            tmp_path, level="L2A", baseline="04.00", size=(252, 372), pixels=with_nodata(pixels, 120, 240, 60, 60)
        )
    )


def test_squares_hold_their_pixels_without_the_offset(scene: Scene) -> None:
    squares, valid = all_squares(scene)
    assert valid.tolist() == [[True, True, True], [True, True, False]]
    for group in GROUPS:
        gsd = int(group[3:-1])
        size = 1200 // gsd
        dn = read_bands(scene, BANDS_BY_GSD[gsd]).astype(np.int64)
        for row, col in np.argwhere(valid):
            expected = (dn[row * size : (row + 1) * size, col * size : (col + 1) * size] - 1000).clip(0, HIGHEST_DN)
            np.testing.assert_array_equal(squares[group][row, col], expected)


def test_product_that_is_too_small(tmp_path: Path) -> None:
    product = open_scene(write_safe(tmp_path, level="L2A", size=114))
    with pytest.raises(ProductError, match="has 114 x 114 px at 10 m, less than a square of 120 px"):
        square_grid(product)


def test_strips_cover_each_row_once() -> None:
    grid = GeoReference("", (0, 1200, 0, 0, 0, -1200), 91, 91)
    rows = [row for strip in square_strips(grid) for row in range(strip.row, strip.row + strip.height)]
    assert rows == list(range(91))
