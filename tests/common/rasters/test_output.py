"""Writing through GDAL in memory: content, errors of one line, and nothing that stays in memory."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from osgeo import gdal

from common.errors import OutputError
from common.rasters.grids import GeoReference
from common.rasters.output import create_geotiff, geotiff_bytes

GRID = GeoReference("", (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), rows=30, cols=20)
IMAGE = np.random.default_rng(0).integers(0, 255, (30, 20, 2), dtype=np.uint8)
create = partial(create_geotiff, grid=GRID, dtype=np.uint8, bands=("one", "two"), nodata=7, tags={"K": "v"}, options=[])


@pytest.mark.parametrize("image", [IMAGE, None])
def test_the_content_is_a_whole_geotiff(tmp_path, image):
    (tmp_path / "a.tif").write_bytes(geotiff_bytes(create, image))
    dataset = gdal.Open(str(tmp_path / "a.tif"))
    expected = np.full_like(IMAGE, 7) if image is None else image
    np.testing.assert_array_equal(dataset.ReadAsArray().transpose(1, 2, 0), expected)
    assert dataset.GetMetadataItem("K") == "v"
    assert dataset.GetGeoTransform() == GRID.geotransform
    bands = [dataset.GetRasterBand(number) for number in (1, 2)]
    assert [(band.GetDescription(), band.GetNoDataValue()) for band in bands] == [("one", 7), ("two", 7)]


def fail(name: str) -> gdal.Dataset:
    """Create a file, and let GDAL raise an error of two lines."""
    create(name)
    gdal.Error(gdal.CE_Failure, 2, "no memory is left\nMay be caused by: an image")


FREE_MEMORY = "free memory, and try again"
CHECK = "check the numbers of rows, columns and bands, and the installation of GDAL"


@pytest.mark.parametrize(
    ("make_dataset", "reason", "remedy"),
    [
        (fail, "no memory is left; May be caused by: an image", FREE_MEMORY),
        (partial(create, grid=replace(GRID, rows=10**6, cols=10**7)), ".*Free disk space available.*", FREE_MEMORY),
        (partial(create, grid=replace(GRID, rows=0)), ".*20x0.*", CHECK),
        (partial(create, bands=["one"] * 70_000), ".*bands.*", CHECK),
    ],
)
def test_errors_are_one_line_with_a_remedy_that_helps(make_dataset, reason, remedy, capfd):
    with pytest.raises(OutputError, match=rf"^GDAL cannot make the GeoTIFF: {reason}; {remedy}\.$"):
        geotiff_bytes(make_dataset)
    assert capfd.readouterr() == ("", "")


def read_only(name):
    create(name)
    return gdal.Open(name)


@pytest.mark.parametrize("make_dataset", [create, fail, read_only])
def test_nothing_stays_in_memory_and_nothing_is_printed(make_dataset, capfd):
    before = gdal.ReadDir("/vsimem/")
    with suppress(OutputError):
        geotiff_bytes(make_dataset, IMAGE)
    assert gdal.ReadDir("/vsimem/") == before
    assert capfd.readouterr() == ("", "")
