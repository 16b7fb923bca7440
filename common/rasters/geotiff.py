"""Rows of DN and their georeference -> GeoTIFF with band names, reflectance and overviews for GIS programs.

Files of DN have tiles of 512 x 512 px, DEFLATE with horizontal differences, interleaved pixels, and nodata 0. They are
BigTIFF if they may exceed 4 GB. GDAL writes their metadata; pixels and overviews are written in one pass, as
`common/rasters/pyramids/pyramid.py` explains. Their scale and offset give the reflectance of the product: reflectance = DN * scale +
offset = (DN + product's offset) / quantification. All files appear whole or not at all.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from osgeo import gdal

from common.errors import OutputError
from common.files.atomic import require_folder_of, require_space, temporary_file, whole_file
from common.pixels.passbands import Passband
from common.pixels.sentinel2 import BANDS, NODATA_DN
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.rasters.output import create_geotiff, geotiff_bytes
from common.rasters.pyramids.layout import finish_plain, write_cog
from common.rasters.pyramids.pyramid import TILE_PX, Level, Pyramid
from common.rasters.pyramids.tiff import Directory, Format, read_directory
from common.scenes.scene import Scene

SMALLEST_OVERVIEW_PX = 256
_TILES = ["TILED=YES", f"BLOCKXSIZE={TILE_PX}", f"BLOCKYSIZE={TILE_PX}", "INTERLEAVE=PIXEL"]
_DN_OPTIONS = [*_TILES, "PREDICTOR=2", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER", "SPARSE_OK=TRUE", "ENDIANNESS=LITTLE"]
LEAST_COMPRESSED = 0.1  # share of the size in memory that the disk must have free before the work starts


@dataclass(frozen=True)
class RasterInfo:
    """The metadata of a GeoTIFF of DN.

    Attributes:
        grid: place of the pixels on the ground.
        bands: names such as `B05`.
        quantification: reflectance = (DN + offset) / quantification.
        offsets: band -> offset in DN.
        tags: of the file, name -> text.
        passbands: band -> wavelength and width; without bands for which they are unknown.
    """

    grid: GeoReference
    bands: tuple[str, ...]
    quantification: float
    offsets: Mapping[str, float]
    tags: Mapping[str, str]
    passbands: Mapping[str, Passband]

    @classmethod
    def of_region(
        cls, scene: Scene, grid: GeoReference, region: Window, bands: Sequence[str], tags: Mapping[str, str]
    ) -> "RasterInfo":
        """Return the metadata of a region of a scene.

        Args:
            scene: gives quantification, offsets and passbands.
            grid: of the whole scene, at the GSD of the file.
            region: part of the grid that the file holds.
            bands: names such as `B05`.
            tags: of the file, name -> text.
        """
        x, width, x_skew, y, y_skew, height = grid.geotransform
        corner = (x + region.col * width + region.row * x_skew, y + region.col * y_skew + region.row * height)
        geotransform = (corner[0], width, x_skew, corner[1], y_skew, height)
        region_grid = GeoReference(grid.crs_wkt, geotransform, region.height, region.width)
        passbands = {band: passband for band in bands if (passband := scene.passband(band))}
        return cls(region_grid, tuple(bands), scene.quantification, scene.offsets, tags, passbands)


def check_output(path: Path, overwrite: bool) -> None:
    """Check before any work that a file can be written.

    Args:
        path: of the file.
        overwrite: the file may exist.

    Raises:
        OutputError: the file exists, its folder is missing or read-only, or the disk is full.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no ordinary file; give another --output.")
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists; replace it with --overwrite, keep it with --skip-existing, or give another --output."
        )
    require_folder_of(path)
    check_space(path)


def check_space(path: Path, pixel_bytes: int = 0) -> None:
    """Check before any work that the disk has space for a file, whose pixels have `pixel_bytes` in memory.

    Raises:
        OutputError: the disk is full, or the folder is read-only.
    """
    require_space(path, int(LEAST_COMPRESSED * pixel_bytes) + 1)


def write_geotiff(path: Path, info: RasterInfo, strips: Iterable[np.ndarray], cloud_optimized: bool = False) -> None:
    """Write a GeoTIFF of DN with overviews, strip by strip.

    Args:
        path: of the file; an existing file is replaced.
        info: grid, bands and tags.
        strips: (rows, cols, bands) uint16 DN from top to bottom, of any height.
        cloud_optimized: write a Cloud-Optimized GeoTIFF (COG), whose parts can be read over a network. Needs twice the
            disk space while it is written.

    Raises:
        OutputError: the file cannot be written; no part of it stays on the disk.
        ValueError: the strips do not hold the rows of the grid.
    """
    with whole_geotiff(path) as temporary:
        fill_geotiff(temporary, path, info, strips, cloud_optimized)


@contextmanager
def whole_geotiff(path: Path) -> Iterator[Path]:
    """Yield a temporary path for `fill_geotiff`; rename it to `path` when the block ends without an error.

    Raises:
        OutputError: as `common.files.atomic.whole_file`.
    """
    with whole_file(path) as temporary:
        yield temporary
    for name in (f"{path.name}.aux.xml", f"{path.name}.ovr"):  # GIS programs wrote them about an older file
        path.with_name(name).unlink(missing_ok=True)


def fill_geotiff(
    temporary: Path, path: Path, info: RasterInfo, strips: Iterable[np.ndarray], cloud_optimized: bool = False
) -> None:
    """Write what `write_geotiff` writes, into a temporary file that gets the name `path` later. Errors as there."""
    file_format, image = _image_directory(info)
    with open(temporary, "w+b") as file:
        if cloud_optimized:
            with temporary_file(path) as temporary_tiles, open(temporary_tiles, "w+b") as tiles:
                write_cog(tiles, file, file_format, image, _write_pyramid(tiles, info, strips, 0))
        else:
            levels = _write_pyramid(file, info, strips, file_format.header_bytes)
            finish_plain(file, file_format, image, levels)


def write_float_geotiff(
    path: Path, grid: GeoReference, image: np.ndarray, band_names: Sequence[str], tags: Mapping[str, str]
) -> None:
    """Write an image in memory as a GeoTIFF; nodata is NaN.

    Args:
        path: of the file; an existing file is replaced.
        grid: where the pixels lie.
        image: shape (rows, cols, bands), float32.
        band_names: one description for each band.
        tags: of the file, name -> text.

    Raises:
        OutputError: the file cannot be written; no part of it stays on the disk.
    """
    options = ["INTERLEAVE=BAND", "COMPRESS=DEFLATE"]

    def make_dataset(name: str) -> gdal.Dataset:
        return create_geotiff(name, grid, np.float32, band_names, math.nan, tags, options)

    content = geotiff_bytes(make_dataset, image)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def read_info(path: Path) -> RasterInfo:
    """Return the metadata of a GeoTIFF, without passbands; a Cloud-Optimized GeoTIFF has a tag `LAYOUT`.

    Raises:
        OutputError: the file is no GeoTIFF.
    """
    try:
        dataset = gdal.OpenEx(str(path), gdal.OF_RASTER, allowed_drivers=["GTiff"])
        geotransform = dataset.GetGeoTransform()
    except RuntimeError as error:
        raise OutputError(f"{path} exists, but is no GeoTIFF; move it away, or give another --output.") from error
    grid = GeoReference(dataset.GetProjection(), geotransform, dataset.RasterYSize, dataset.RasterXSize)
    bands = [dataset.GetRasterBand(index + 1) for index in range(dataset.RasterCount)]
    names = tuple(band.GetDescription() for band in bands)
    scales = {name: band.GetScale() or 1.0 for name, band in zip(names, bands, strict=True)}
    offsets = {name: (band.GetOffset() or 0.0) / scales[name] for name, band in zip(names, bands, strict=True)}
    layout = dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE")
    tags = dataset.GetMetadata() | ({"LAYOUT": layout} if layout else {})
    return RasterInfo(grid, names, 1 / scales[names[0]], offsets, tags, {})


def read_geotiff(path: Path, window: Window, bands: Sequence[str]) -> np.ndarray:
    """Read a window of some bands of a file that `write_geotiff` wrote.

    Returns:
        Shape (rows, cols, bands), uint16 DN, in the order of `bands`.
    """
    dataset = gdal.Open(str(path))
    names = [dataset.GetRasterBand(index + 1).GetDescription() for index in range(dataset.RasterCount)]
    band_numbers = [names.index(band) + 1 for band in bands]
    corner_and_size = window.col, window.row, window.width, window.height
    return np.stack([dataset.GetRasterBand(number).ReadAsArray(*corner_and_size) for number in band_numbers], axis=2)


def _write_pyramid(tiles: BinaryIO, info: RasterInfo, strips: Iterable[np.ndarray], skipped: int) -> Sequence[Level]:
    """Write the tiles of the image and of its overviews, and return their places.

    Args:
        tiles: an empty file.
        info: size of the image.
        strips: its rows.
        skipped: bytes to leave free before the first tile.
    """
    tiles.seek(skipped)
    pyramid = Pyramid(tiles, info.grid.rows, info.grid.cols, SMALLEST_OVERVIEW_PX)
    for strip in strips:
        pyramid.add(strip)
        del strip  # frees its memory before the next one comes
    pyramid.require_whole()
    return pyramid.levels


def _image_directory(info: RasterInfo) -> tuple[Format, Directory]:
    """Return the directory of the image as GDAL writes it, with all metadata: of a file without pixels.

    Raises:
        OutputError: GDAL cannot make the file.
    """
    return read_directory(geotiff_bytes(partial(_create_dn_file, info=info)))


def _create_dn_file(name: str, info: RasterInfo) -> gdal.Dataset:
    """Create an empty file with all metadata of its bands."""
    dataset = create_geotiff(name, info.grid, np.uint16, info.bands, NODATA_DN, info.tags, _DN_OPTIONS)
    for number, band_name in enumerate(info.bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetScale(1 / info.quantification)
        band.SetOffset(info.offsets[band_name] / info.quantification)
        band.SetMetadata({"BANDNAME": band_name, "NATIVE_GSD": f"{BANDS[band_name].gsd}"})
        if band_name in info.passbands:
            _set_passband(band, info.passbands[band_name])
    return dataset


def _set_passband(band: gdal.Band, passband: Passband) -> None:
    """Write wavelength and width under the names of GDAL's Sentinel-2 driver and of GDAL's IMAGERY domain."""
    names = (("WAVELENGTH", "CENTRAL_WAVELENGTH_UM"), ("BANDWIDTH", "FWHM_UM"))
    for (name, imagery_name), value_nm in zip(names, passband, strict=True):
        if value_nm is not None:
            band.SetMetadataItem(name, f"{value_nm:g}")
            band.SetMetadataItem(f"{name}_UNIT", "nm")
            band.SetMetadataItem(imagery_name, f"{value_nm / 1000:g}", "IMAGERY")
