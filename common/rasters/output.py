"""Write GeoTIFFs through GDAL in memory, so that the disk is written to without GDAL.

GDAL does not raise all errors of a disk. GDAL 3.10 of Debian 13 loses the last part of a file on a full disk, and closes
the file as if it was whole; GDAL 3.6 prints such errors when it closes the file.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike
from osgeo import gdal, gdal_array, osr

from common.errors import OutputError
from common.rasters.files import one_line
from common.rasters.grids import GeoReference

gdal.UseExceptions()

# Words of refusals that more memory does not change. The others may be a lack of it, which GDAL 3.6 tells as "An error occurred
# while writing a dirty block", without a number of an error of memory.
_REFUSALS = re.compile(r"Attempt to create|missing codec|Maximum TIFF file size")


def geotiff_bytes(make_dataset: Callable[[str], gdal.Dataset], image: np.ndarray | None = None) -> bytes:
    """Return the content of a GeoTIFF.

    Args:
        make_dataset: creates the file of a name, and returns the open dataset. It keeps no reference to it.
        image: shape (rows, cols, bands), dtype of the file; None writes a file without pixels.

    Raises:
        OutputError: GDAL cannot make the file.
    """
    name = f"/vsimem/{secrets.token_hex(8)}.tif"
    with _as_output_error():
        try:
            dataset = make_dataset(name)
            if image is not None:
                dataset.WriteArray(np.ascontiguousarray(image.transpose(2, 0, 1)))
            dataset.FlushCache()
            del dataset  # GDAL writes the last part of a file when it closes it
            return _read(name)
        finally:
            if gdal.VSIStatL(name) is not None:
                gdal.Unlink(name)


def _read(name: str) -> bytes:
    """Return the content of a file that GDAL holds in memory."""
    file = gdal.VSIFOpenL(name, "rb")
    try:
        return bytes(gdal.VSIFReadL(1, gdal.VSIStatL(name).size, file))
    finally:
        gdal.VSIFCloseL(file)


def create_geotiff(
    name: str,
    grid: GeoReference,
    dtype: DTypeLike,
    bands: Sequence[str],
    nodata: float,
    tags: Mapping[str, str],
    options: Sequence[str],
) -> gdal.Dataset:
    """Create a GeoTIFF without pixels: georeference, tags, and for each band its name and nodata value.

    Args:
        name: of the file, also one in GDAL's memory.
        grid: its size and place on the ground.
        dtype: NumPy type of the pixels.
        bands: one description for each band.
        nodata: value of pixels without data, the same in all bands.
        tags: of the file, name -> text.
        options: creation options of GDAL's GTiff driver, `NAME=VALUE`.
    """
    data_type = gdal_array.NumericTypeCodeToGDALTypeCode(np.dtype(dtype))
    options = ["PHOTOMETRIC=MINISBLACK", *options]
    dataset = gdal.GetDriverByName("GTiff").Create(name, grid.cols, grid.rows, len(bands), data_type, options)
    dataset.SetGeoTransform(grid.geotransform)
    dataset.SetSpatialRef(osr.SpatialReference(wkt=grid.crs_wkt))
    dataset.SetMetadata({"AREA_OR_POINT": "Area", **tags})
    for number, description in enumerate(bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetDescription(description)
        band.SetNoDataValue(nodata)
        band.SetColorInterpretation(gdal.GCI_GrayIndex if number == 1 else gdal.GCI_Undefined)
    return dataset


@contextmanager
def _as_output_error() -> Iterator[None]:
    """Turn an error of GDAL into an OutputError; nothing reaches the terminal."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    except RuntimeError as error:
        reason = one_line(str(error)) or "it gives no reason"
        check = "check the numbers of rows, columns and bands, and the installation of GDAL"
        remedy = check if _REFUSALS.search(reason) else "free memory, and try again"
        raise OutputError(f"GDAL cannot make the GeoTIFF: {reason}; {remedy}.") from error
    finally:
        gdal.PopErrorHandler()
