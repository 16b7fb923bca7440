"""Write raster files through GDAL. Every GDAL error becomes an OutputError, those of closing a file included.

On a full disk many errors only occur when GDAL closes the file. GDAL prints these errors and raises none of them. It
closes a file when the last reference to its dataset goes, so no variable outside `RasterOutput` may hold the dataset.
"""

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike
from osgeo import gdal, gdal_array, osr

from common.errors import OutputError
from common.rasters.files import one_line
from common.rasters.grids import GeoReference

gdal.UseExceptions()
ROWS_AT_ONCE = 512


class RasterOutput:
    """A raster file that is being written. Made by `open_output`."""

    def __init__(self, path: Path, make_dataset: Callable[[], gdal.Dataset]):
        self._path = path
        with _as_output_error(path):
            self._dataset = make_dataset()

    def write_rows(self, row: int, rows: np.ndarray) -> None:
        """Write rows of all bands.

        Args:
            row: index of the first of them in the file.
            rows: shape (rows, cols, bands), dtype of the file.

        Raises:
            OutputError: GDAL cannot write them.
        """
        with _as_output_error(self._path):
            for top in range(0, len(rows), ROWS_AT_ONCE):
                part = np.ascontiguousarray(rows[top : top + ROWS_AT_ONCE].transpose(2, 0, 1))
                self._dataset.WriteArray(part, 0, row + top)
                self._dataset.FlushCache()

    def _flush(self) -> None:
        with _as_output_error(self._path):
            self._dataset.FlushCache()

    def _close(self) -> None:
        with _as_output_error(self._path):
            self._dataset = None


@contextmanager
def open_output(path: Path, make_dataset: Callable[[], gdal.Dataset]) -> Iterator[RasterOutput]:
    """Create or open a raster file, and close it when the block ends.

    Args:
        path: of the file, for messages.
        make_dataset: returns the open dataset and keeps no reference to it.

    Raises:
        OutputError: the file cannot be created, written or closed.
    """
    output = RasterOutput(path, make_dataset)
    try:
        yield output
        output._flush()
    except BaseException:
        with suppress(OutputError):  # the first error is reported
            output._close()
        raise
    output._close()


def create_geotiff(
    path: Path,
    grid: GeoReference,
    dtype: DTypeLike,
    bands: Sequence[str],
    nodata: float,
    tags: Mapping[str, str],
    options: Sequence[str],
) -> gdal.Dataset:
    """Create a GeoTIFF without pixels: georeference, tags, and for each band its name and nodata value.

    Args:
        path: of the file.
        grid: its size and place on the ground.
        dtype: NumPy type of the pixels.
        bands: one description for each band.
        nodata: value of pixels without data, the same in all bands.
        tags: of the file, name -> text.
        options: creation options of GDAL's GTiff driver, `NAME=VALUE`.
    """
    data_type = gdal_array.NumericTypeCodeToGDALTypeCode(np.dtype(dtype))
    options = ["PHOTOMETRIC=MINISBLACK", *options]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), grid.cols, grid.rows, len(bands), data_type, options)
    dataset.SetGeoTransform(grid.geotransform)
    dataset.SetSpatialRef(osr.SpatialReference(wkt=grid.crs_wkt))
    dataset.SetMetadata({"AREA_OR_POINT": "Area", **tags})
    for number, name in enumerate(bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetDescription(name)
        band.SetNoDataValue(nodata)
        band.SetColorInterpretation(gdal.GCI_GrayIndex if number == 1 else gdal.GCI_Undefined)
    return dataset


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Turn GDAL's errors into one OutputError, also those that it prints or raises when it closes a file."""
    messages: list[str] = []

    def collect(severity: int, _number: int, message: str) -> None:
        if severity >= gdal.CE_Failure:
            messages.append(one_line(message))

    gdal.PushErrorHandler(collect)
    hook, sys.unraisablehook = sys.unraisablehook, lambda event: messages.append(one_line(str(event.exc_value)))
    try:
        yield
    except RuntimeError as error:
        messages.append(one_line(str(error)))
        traceback.clear_frames(error.__traceback__)  # their variables hold the dataset
    finally:
        sys.unraisablehook = hook
        gdal.PopErrorHandler()
    if messages:
        reason = next(filter(None, messages), "GDAL gives no reason")
        raise OutputError(f"cannot write to {path.parent}: {reason}; check space and permissions there.")
