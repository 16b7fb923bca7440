"""Tiles as TIFF stores them, each once, from rows of any heights."""

import io
import zlib

import numpy as np
import pytest

from common.rasters.pyramids.means import Halving
from common.rasters.pyramids.pyramid import TILE_PX, Pyramid, StoredTile, compress_tile

ROWS, COLS = 700, 540
IMAGE = np.random.default_rng(0).integers(0, 65536, (ROWS, COLS, 2), np.uint16)


def decompressed(compressed: bytes) -> np.ndarray:
    """The pixels of a tile, with the decompressor of Python."""
    differences = np.frombuffer(zlib.decompress(compressed), "<u2").reshape(TILE_PX, TILE_PX, -1)
    return differences.cumsum(axis=1, dtype=np.uint16)


def joined(file: io.BytesIO, tiles: list[StoredTile], rows: int, cols: int) -> np.ndarray:
    """The pixels of all tiles of a level."""
    content = file.getvalue()
    images = [decompressed(content[tile.offset : tile.offset + tile.size]) for tile in tiles]
    across = -(-cols // TILE_PX)
    rows_of_tiles = [np.concatenate(images[i : i + across], axis=1) for i in range(0, len(images), across)]
    return np.concatenate(rows_of_tiles)[:rows, :cols]


def test_a_tile_holds_its_pixels():
    for shape in ((TILE_PX, TILE_PX), (3, 5), (1, 1)):
        pixels = IMAGE[: shape[0], : shape[1]]
        tile = decompressed(compress_tile(pixels))
        np.testing.assert_array_equal(tile[: shape[0], : shape[1]], pixels)
        np.testing.assert_array_equal(tile[: shape[0], shape[1] :], tile[: shape[0], shape[1] - 1 : -1])


@pytest.mark.parametrize("rows_at_once", [90, 512, 700])
def test_each_level_is_stored_whole(rows_at_once):
    file = io.BytesIO(b"header")
    file.seek(6)
    pyramid = Pyramid(file, ROWS, COLS, smallest=256)
    for top in range(0, ROWS, rows_at_once):
        pyramid.add(IMAGE[top : top + rows_at_once])
    pyramid.require_whole()
    expected = IMAGE
    for level in pyramid.levels:
        np.testing.assert_array_equal(joined(file, level.tiles, level.rows, level.cols), expected)
        smaller = -(-level.rows // 2), -(-level.cols // 2)
        expected = Halving((level.rows, level.cols), smaller).add(expected)
    assert [(level.rows, level.cols) for level in pyramid.levels] == [(700, 540), (350, 270), (175, 135)]
    stored = sorted(tile for level in pyramid.levels for tile in level.tiles)
    assert stored[0].offset == 6
    assert sum(tile.size for tile in stored) == len(file.getvalue()) - 6  # each tile once


def test_rows_are_counted():
    pyramid = Pyramid(io.BytesIO(), 20, 4, smallest=256)
    pyramid.add(IMAGE[:12, :4])
    with pytest.raises(ValueError, match="the grid has 20 rows; got strips of 12 rows in all"):
        pyramid.require_whole()
    with pytest.raises(ValueError, match="the grid has 20 rows; got strips of more rows"):
        pyramid.add(IMAGE[:9, :4])
