"""Directories of TIFF files, classic and BigTIFF: what is written is read again, by us and by GDAL."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.rasters.pyramids.tiff import (
    BIG,
    CLASSIC,
    LENGTH,
    SUBFILE_TYPE,
    WIDTH,
    Format,
    longs,
    overview_directory,
    pack_directories,
    pad,
    read_directory,
)


@pytest.fixture(params=[CLASSIC, BIG], ids=["classic", "big"])
def file_format(request) -> Format:
    return request.param


def gdal_file(path: Path, file_format: Format) -> bytes:
    """A file of GDAL, with values of many types, some of them in the directory and some not."""
    options = [f"BIGTIFF={'YES' if file_format == BIG else 'NO'}", "COMPRESS=DEFLATE", "PREDICTOR=2"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 30, 20, 3, gdal.GDT_UInt16, options)
    dataset.SetGeoTransform((300000, 10, 0, 5900040, 0, -10))
    dataset.SetMetadata({"KEY": "text"})
    dataset.GetRasterBand(1).SetNoDataValue(0)
    dataset.WriteArray(np.ones((3, 20, 30), np.uint16))
    del dataset
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path, file_format):
    found_format, directory = read_directory(gdal_file(tmp_path / "a.tif", file_format))
    assert found_format == file_format
    assert (directory[WIDTH].data[:2], directory[LENGTH].data[:2]) == (b"\x1e\0", b"\x14\0")
    start = file_format.header_bytes + pad(file_format.header_bytes)
    packed = pack_directories(file_format, [directory, overview_directory(directory, 10, 15)], start)
    content = file_format.header(start) + bytes(pad(file_format.header_bytes)) + packed
    assert read_directory(content) == (file_format, directory)
    assert len(content) % 8 == 0


def test_an_overview_is_stored_like_the_image(tmp_path, file_format):
    _, image = read_directory(gdal_file(tmp_path / "a.tif", file_format))
    overview = overview_directory(image, 10, 15)
    assert (overview[LENGTH], overview[WIDTH], overview[SUBFILE_TYPE]) == (longs([10]), longs([15]), longs([1]))
    same = overview.keys() - {LENGTH, WIDTH, SUBFILE_TYPE}
    assert {number: overview[number] for number in same} == {number: image[number] for number in same}
    assert {258, 259, 277, 284, 317, 339, 42113} <= same  # bits, compression, bands, planes, predictor, type, nodata
    assert not {33550, 34735, 42112} & same  # neither georeference nor metadata
