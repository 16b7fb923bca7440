"""Strips hold the same pixels as a read of the window, and each block is decoded once."""

from pathlib import Path

import numpy as np
import pytest

from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters import strips
from common.rasters.bands import read_bands
from common.rasters.strips import RowBuffer, StripReader
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene

AREA = Window(12, 24, 216, 180)


@pytest.fixture(scope="module")
def scene(fake_product: Path) -> Scene:
    return open_scene(fake_product)


def test_rows_stay_until_they_are_dropped():
    rows = RowBuffer(top=10)
    image = np.arange(60).reshape(20, 3)
    rows.extend((5, 3))[:] = image[:5]
    first = rows.get(10, 15)
    rows.extend((15, 3))[:] = image[5:]
    assert rows.bottom == 30
    rows.drop_above(13)
    rows.drop_above(5)
    assert rows.top == 13
    np.testing.assert_array_equal(rows.get(14, 18), image[4:8])
    np.testing.assert_array_equal(first, image[:5])


@pytest.mark.parametrize("block", [7, 60, 1000])
def test_strips_equal_a_read_of_the_window(scene, monkeypatch, block):
    monkeypatch.setattr(strips, "block_rows", lambda scene, band: block)
    reader = StripReader(scene, (10, 20, 60), AREA)
    for top, bottom in ((12, 60), (48, 120), (120, 126), (120, 228)):
        for gsd, dn in reader.read(top, bottom).items():
            window = Window(top, AREA.col, bottom - top, AREA.width).coarsened(gsd // 10)
            np.testing.assert_array_equal(dn, read_bands(scene, BANDS_BY_GSD[gsd], window))


def test_no_row_is_read_twice_and_reads_end_with_blocks(scene, monkeypatch):
    monkeypatch.setattr(strips, "block_rows", lambda scene, band: 48)
    windows = []

    def read(scene, bands, window, threads, out):
        windows.append(window)
        return read_bands(scene, bands, window, threads, out)

    monkeypatch.setattr(strips, "read_bands", read)
    reader = StripReader(scene, (10,), AREA)
    for top in range(12, 228, 24):
        reader.read(max(12, top - 12), min(228, top + 36))
    assert [(window.row, window.row + window.height) for window in windows] == [
        (12, 48),
        (48, 96),
        (96, 144),
        (144, 192),
        (192, 228),
    ]
