"""GeoTIFFs with bands at 10 m, as superres-predict writes them for a patch of BigEarthNet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from osgeo import gdal


def write_superres(path: Path, bands: Sequence[str], number: int) -> None:
    """Write a GeoTIFF whose band i has DN 1000 i + number everywhere."""
    target = gdal.GetDriverByName("GTiff").Create(
        str(path), 120, 120, len(bands), gdal.GDT_UInt16, ["TILED=YES", "COMPRESS=DEFLATE"]
    )
    for index, band in enumerate(bands):
        target.GetRasterBand(index + 1).SetDescription(band)
        target.GetRasterBand(index + 1).WriteArray(np.full((120, 120), 1000 * index + number, np.uint16))
