"""Writing through GDAL: every error becomes an OutputError, and nothing reaches the terminal."""

from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import OutputError
from common.rasters.grids import GeoReference
from common.rasters.output import RasterOutput, create_geotiff, open_output

GRID = GeoReference("", (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), rows=30, cols=20)
IMAGE = np.random.default_rng(0).integers(0, 255, (30, 20, 2), dtype=np.uint8)


def create(path: Path) -> gdal.Dataset:
    return create_geotiff(path, GRID, np.uint8, ("one", "two"), 7, {"KEY": "text"}, [])


def open_new(path: Path) -> AbstractContextManager[RasterOutput]:
    return open_output(path, partial(create, path))


def test_rows_land_where_they_belong(tmp_path: Path) -> None:
    with open_new(tmp_path / "a.tif") as output:
        output.write_rows(10, IMAGE[10:])
        output.write_rows(0, IMAGE[:10])
    dataset = gdal.Open(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(dataset.ReadAsArray().transpose(1, 2, 0), IMAGE)
    assert dataset.GetMetadataItem("KEY") == "text"
    assert dataset.GetGeoTransform() == GRID.geotransform
    bands = [dataset.GetRasterBand(number) for number in (1, 2)]
    assert [(band.GetDescription(), band.GetNoDataValue()) for band in bands] == [("one", 7), ("two", 7)]


def test_the_file_is_closed_after_the_block(tmp_path: Path) -> None:
    """GDAL writes the last part of a file when it closes it."""
    with open_new(tmp_path / "a.tif") as output:
        output.write_rows(0, IMAGE)
    assert output._dataset is None
    assert gdal.Open(str(tmp_path / "a.tif")).ReadAsArray().any()


def test_the_first_error_is_reported_and_the_file_is_closed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_new(tmp_path / "a.tif") as output:
        1 // 0  # noqa: B018
    assert output._dataset is None


class PrintsError:
    """A dataset whose flush passes an error to GDAL's error handler and raises nothing."""

    def FlushCache(self) -> None:
        with suppress(RuntimeError):
            gdal.Error(gdal.CE_Failure, 3, "the disk is full")


class RaisesErrorWhenClosed:
    """A dataset whose last reference raises an error when it goes."""

    def FlushCache(self) -> None:
        pass

    def __del__(self) -> None:
        raise RuntimeError("the disk is full")


@pytest.mark.parametrize("dataset", [PrintsError, RaisesErrorWhenClosed])
def test_errors_that_python_does_not_raise(tmp_path: Path, dataset: type, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(
            OutputError, match=rf"^cannot write to {tmp_path}: the disk is full; check space and permissions"
        ),
        open_output(tmp_path / "a.tif", dataset),
    ):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_created(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OutputError, match=r"cannot write to .*none: "), open_new(tmp_path / "none" / "a.tif"):
        pytest.fail("the block ran")
    assert capfd.readouterr() == ("", "")
