"""Files, classic and BigTIFF, plain and COG, as GDAL reads them: its validator, pixels of all levels, and no gaps."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

from common.rasters import geotiff
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import GeoReference
from common.rasters.pyramids.means import Halving
from common.rasters.pyramids.tiff import BIG, CLASSIC

ROWS, COLS = 1100, 600
IMAGE = np.random.default_rng(0).integers(1, 4000, (ROWS, COLS, 2), np.uint16)
INFO = RasterInfo(
    GeoReference("", (0, 10, 0, 0, 0, -10), ROWS, COLS),
    ("B05", "B06"),
    10000,
    {"B05": 0, "B06": 0},
    {"KEY": "text"},
    {},
)


@pytest.fixture(scope="module", params=["classic", "big"])
def file_format(request) -> str:
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "cog"])
def written(request, file_format, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("layout") / "out.tif"
    with pytest.MonkeyPatch.context() as patch:
        if file_format == "big":
            patch.setattr(geotiff, "_DN_OPTIONS", ["BIGTIFF=YES", *geotiff._DN_OPTIONS])
        write_geotiff(path, INFO, iter([IMAGE[:700], IMAGE[700:]]), cloud_optimized=request.param)
    assert path.read_bytes().startswith({"classic": CLASSIC, "big": BIG}[file_format].head)
    return path


def test_gdal_reads_all_levels(written):
    dataset = gdal.Open(str(written))
    expected = IMAGE
    bands = [dataset.GetRasterBand(number) for number in (1, 2)]
    for level in range(-1, bands[0].GetOverviewCount()):
        found = [band.ReadAsArray() if level < 0 else band.GetOverview(level).ReadAsArray() for band in bands]
        np.testing.assert_array_equal(np.stack(found, axis=2), expected)
        smaller = -(-expected.shape[0] // 2), -(-expected.shape[1] // 2)
        expected = Halving(expected.shape[:2], smaller).add(expected)
    assert bands[0].GetOverviewCount() == 3
    assert dataset.GetMetadataItem("KEY") == "text"


def test_gdal_finds_no_fault_in_a_cog(written, request):
    if request.node.callspec.params["written"]:
        assert validate(str(written), full_check=True)[:2] == ([], [])


def test_a_file_holds_its_tiles_and_little_more(written):
    dataset = gdal.Open(str(written))
    band = dataset.GetRasterBand(1)
    levels = [band, *(band.GetOverview(level) for level in range(band.GetOverviewCount()))]
    tiles = [
        int(level.GetMetadataItem(f"BLOCK_SIZE_{col}_{row}", "TIFF"))
        for level in levels
        for row in range(-(-level.YSize // 512))
        for col in range(-(-level.XSize // 512))
    ]
    assert sum(tiles) < written.stat().st_size < sum(tiles) + 4000


def test_programs_may_change_a_cog(written, request):
    """GDAL then marks the file as no longer optimized, in the room that the text before the directories leaves."""
    if not request.node.callspec.params["written"]:
        return
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    dataset = gdal.Open(str(written), gdal.GA_Update)
    dataset.GetRasterBand(1).WriteArray(np.zeros((10, 10), np.uint16))
    del dataset
    gdal.PopErrorHandler()
    assert b"KNOWN_INCOMPATIBLE_EDITION=YES\n" in written.read_bytes()[:400]
    dataset = gdal.Open(str(written))
    np.testing.assert_array_equal(dataset.GetRasterBand(2).ReadAsArray(), IMAGE[..., 1])
