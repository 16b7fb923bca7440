"""Open the pixels of a band, whatever their format: image files and Zarr format 2 through GDAL, format 3 through Zarr."""

from typing import Protocol

import numpy as np
from osgeo import gdal

from common.pixels.windows import Window
from common.rasters.files import as_product_error, open_band
from common.rasters.zarr3 import BITS_OF_ESA, Zarr3Band
from common.scenes.scene import Scene

GeoTransform = tuple[float, float, float, float, float, float]


class BandSource(Protocol):
    """The open pixels of one band.

    Attributes:
        path: for messages.
        rows: height in pixels.
        cols: width in pixels.
        block_rows: height in rows of the blocks in which the pixels are stored.
        crs_wkt: coordinate reference system, well-known text; empty if the pixels have none.
        bits: of a pixel: 2^bits - 1 is the largest DN. Formats that do not state it have 15 bits, because COGs and Zarr
            arrays are copies of ESA's JPEG 2000 files, which have 15 bits.
    """

    path: str
    rows: int
    cols: int
    block_rows: int
    crs_wkt: str
    bits: int

    def read_into(self, window: Window, dn: np.ndarray) -> None:
        """Read a window into an array of uint16, shape (rows, cols). Raises ProductError if the pixels are damaged."""

    def geotransform(self) -> GeoTransform | None:
        """Return GDAL's six numbers; None if the pixels have no georeference."""


class GdalBand:
    """A band that GDAL opens; a `BandSource`."""

    def __init__(self, dataset: gdal.Dataset):
        self.dataset = dataset
        self.path = dataset.GetDescription()
        self.rows, self.cols = dataset.RasterYSize, dataset.RasterXSize
        self.block_rows = int(dataset.GetRasterBand(1).GetBlockSize()[1])
        self.crs_wkt = dataset.GetProjection()
        self.bits = _bits(dataset)

    def read_into(self, window: Window, dn: np.ndarray) -> None:
        with as_product_error(self.path, warnings_too=True):
            self.dataset.ReadAsArray(window.col, window.row, window.width, window.height, buf_obj=dn)  # without a copy

    def geotransform(self) -> GeoTransform | None:
        geotransform = self.dataset.GetGeoTransform(can_return_null=True)
        return None if geotransform is None else tuple(geotransform)


def _bits(dataset: gdal.Dataset) -> int:
    """Return the number of bits of a pixel, as `BandSource` describes it."""
    bits = dataset.GetRasterBand(1).GetMetadataItem("NBITS", "IMAGE_STRUCTURE")
    if bits is not None:
        return int(bits)
    return 16 if dataset.GetDriver().ShortName.startswith("JP2") else BITS_OF_ESA  # GDAL states 15 bits, but not 16


def open_source(scene: Scene, band: str) -> BandSource:
    """Open the pixels of a band.

    Raises:
        ProductNotFoundError: the scene has no file for the band, or the file is missing.
        ProductError: the file is damaged, or does not hold one band of uint16.
        SettingError: the scene is of Zarr format 3, and zarr-python is not installed.
    """
    if scene.zarr_format == 3 and band in scene.band_paths:
        return Zarr3Band(scene, band)
    return GdalBand(open_band(scene, band))
