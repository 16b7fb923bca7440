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


def test_a_square_stays_if_each_pixel_has_data_in_some_band(tmp_path: Path) -> None:
    """A dark lake has DN 0 in B08 and in all bands of 20 m; one pixel of the second square has no data at all."""
    pixels = textured_pixels(np.random.default_rng(0), 240)
    pixels["B08"][10:60, 20:70] = 0
    for band in BANDS_BY_GSD[20]:
        pixels[band][10:20, 20:30] = 0
    for band, image in with_nodata(pixels, 60, 180, 6, 6).items():
        pixels[band] = image
    scene = open_scene(write_safe(tmp_path, level="L2A", pixels=pixels))
    squares, valid = all_squares(scene)
    assert valid.tolist() == [[True, False], [True, True]]
    assert (squares["s2_10m"][0, 0, 10:60, 20:70, 3] == 0).all()
    assert (squares["s2_20m"][0, 0, 10:20, 20:30] == 0).all()
    assert squares["s2_10m"][0, 0, ..., :3].min() > 0


def test_a_network_of_10m_bands_leaves_out_pixels_without_any_of_them(tmp_path: Path) -> None:
    pixels = textured_pixels(np.random.default_rng(0), 240)
    for band in BANDS_BY_GSD[10]:
        pixels[band][130, 7] = 0
    scene = open_scene(write_safe(tmp_path, level="L2A", pixels=pixels))
    (strip,) = square_strips(square_grid(scene))
    assert [valid.tolist() for _, valid in read_squares(scene, strip, ("s2_10m",))] == [[True, True], [False, True]]


def test_saturated_pixels_have_the_largest_value_of_bigearthnet(tmp_path: Path) -> None:
    pixels = textured_pixels(np.random.default_rng(0), 120)
    pixels["B02"][3, 4] = 65535
    scene = open_scene(write_safe(tmp_path, level="L2A", baseline="04.00", size=120, pixels=pixels))
    assert all_squares(scene)[0]["s2_10m"][0, 0, 3, 4, 0] == 32767


def test_product_that_is_too_small(tmp_path: Path) -> None:
    product = open_scene(write_safe(tmp_path, level="L2A", size=114))
    with pytest.raises(ProductError, match="has 114 x 114 px at 10 m, less than a square of 120 px"):
        square_grid(product)


def test_strips_cover_each_row_once() -> None:
    grid = GeoReference("", (0, 1200, 0, 0, 0, -1200), 91, 91)
    rows = [row for strip in square_strips(grid) for row in range(strip.row, strip.row + strip.height)]
    assert rows == list(range(91))
