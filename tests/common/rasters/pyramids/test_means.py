"""Overviews equal those that GDAL makes by AVERAGE, whatever the size and whatever the rows that come at once."""

import numpy as np
import pytest
from osgeo import gdal

from common.rasters.pyramids.means import Halving, overview_shapes


def gdal_overviews(image: np.ndarray, count: int) -> list[np.ndarray]:
    """The overviews of an image (rows, cols, bands) that GDAL makes, with nodata 0."""
    path = "/vsimem/means.tif"
    rows, cols, bands = image.shape
    dataset = gdal.GetDriverByName("GTiff").Create(path, cols, rows, bands, gdal.GDT_UInt16, ["INTERLEAVE=PIXEL"])
    for number in range(bands):
        dataset.GetRasterBand(number + 1).SetNoDataValue(0)
    dataset.WriteArray(image.transpose(2, 0, 1))
    dataset.BuildOverviews("AVERAGE", [2 ** (level + 1) for level in range(count)])
    overviews = [
        np.stack([dataset.GetRasterBand(number + 1).GetOverview(level).ReadAsArray() for number in range(bands)], 2)
        for level in range(count)
    ]
    del dataset
    gdal.Unlink(path)
    return overviews


@pytest.mark.parametrize(
    ("shape", "rows_at_once", "most_difference"),
    [((64, 96), 10, 0), ((37, 53), 7, 1), ((90, 53), 1, 1), ((61, 44), 100, 1), ((133, 64), 3, 1)],
)
def test_means_are_those_of_gdal(shape, rows_at_once, most_difference):
    """Where sizes are even, they are equal; else a few means that are half a DN may be rounded to the other side."""
    rng = np.random.default_rng(1)
    image = rng.integers(1, 65536, (*shape, 2), np.uint16)
    image[:16, :16][rng.random((16, 16, 2)) < 0.4] = 0
    image[10:14] = 0
    image[30:, :, 0] = 65535
    shapes = overview_shapes(*shape, smallest=7)
    finer = image
    for smaller, expected in zip(shapes, gdal_overviews(image, len(shapes)), strict=True):
        halving = Halving(finer.shape[:2], smaller)
        parts = [halving.add(finer[top : top + rows_at_once]) for top in range(0, len(finer), rows_at_once)]
        difference = np.abs(np.concatenate(parts).astype(int) - expected)
        assert difference.max() <= most_difference
        assert (difference > 0).mean() < 0.01
        finer = expected


def test_overviews_halve_until_one_is_small():
    assert overview_shapes(10980, 10980, 256) == [
        (5490,) * 2,
        (2745,) * 2,
        (1373,) * 2,
        (687,) * 2,
        (344,) * 2,
        (172,) * 2,
    ]
    assert overview_shapes(256, 200, 256) == []
    assert overview_shapes(2, 300, 256) == [(1, 150)]
