"""Rows of DN and their georeference -> GeoTIFF with band names, reflectance and overviews for GIS programs.

Files of DN have tiles of 512 x 512 px, DEFLATE with horizontal differences, interleaved pixels, and nodata 0. They are
BigTIFF if they may exceed 4 GB. Their scale and offset give the reflectance of the product: reflectance = DN * scale +
offset = (DN + product's offset) / quantification. All files appear whole or not at all.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from osgeo import gdal

from common.errors import OutputError
from common.files.atomic import require_space, temporary_file, whole_file
from common.pixels.passbands import Passband
from common.pixels.sentinel2 import BANDS, NODATA_DN
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.rasters.output import TILE_PX, create_geotiff, open_output
from common.scenes.scene import Scene

SMALLEST_OVERVIEW_PX = 256
COMPRESSION = ["COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER", "NUM_THREADS=ALL_CPUS"]
# GDAL's COG driver copies no metadata of the domain IMAGERY. The items get their domain in the finished file, in the text
# of the TIFF tag GDAL_METADATA: one text replaces another of the same length.
_COG_HEAD_BYTES = 2**20
_UNMARKED, _MARKED = '..domain.IMAGERY."', '" domain="IMAGERY"'
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


def check_output(path: Path, overwrite: bool, pixel_bytes: int = 0) -> None:
    """Check before any work that a file can be written.

    Args:
        path: of the file.
        overwrite: the file may exist.
        pixel_bytes: size of its pixels in memory.

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
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; create it, or give another --output.")
    require_space(path, int(LEAST_COMPRESSED * pixel_bytes) + 1)


def write_geotiff(path: Path, info: RasterInfo, strips: Iterator[np.ndarray], cloud_optimized: bool = False) -> None:
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
    with whole_file(path) as temporary:
        try:
            with temporary_file(path) if cloud_optimized else nullcontext(temporary) as plain:
                _write_strips(plain, info, strips, cloud_optimized)
                _add_overviews(plain, info.grid)
                if cloud_optimized:
                    _copy_as_cog(plain, temporary)
                    _mark_imagery(temporary)
        finally:
            with suppress(OSError):  # of GDAL's COG driver
                temporary.with_name(f"{temporary.name}.ovr.tmp").unlink()
    for name in (f"{path.name}.aux.xml", f"{path.name}.ovr"):  # GIS programs wrote them about an older file
        path.with_name(name).unlink(missing_ok=True)


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
    with whole_file(path) as temporary:
        make = partial(create_geotiff, temporary, grid, np.float32, band_names, math.nan, tags, options)
        with open_output(temporary, make) as output:
            output.write_rows(0, image)


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


def _write_strips(path: Path, info: RasterInfo, strips: Iterator[np.ndarray], cloud_optimized: bool) -> None:
    """Write all pixels, whole rows of tiles at a time, so that no tile is compressed twice."""
    with open_output(path, partial(_create_dn_file, path, info, cloud_optimized)) as output:
        row, waiting = 0, np.empty((0, info.grid.cols, len(info.bands)), np.uint16)
        for strip in strips:
            waiting = np.concatenate([waiting, strip])
            whole = len(waiting) // TILE_PX * TILE_PX
            output.write_rows(row, waiting[:whole])
            row, waiting = row + whole, waiting[whole:]
        if row + len(waiting) != info.grid.rows:
            raise ValueError(f"the grid has {info.grid.rows} rows; got strips of {row + len(waiting)} rows in all.")
        output.write_rows(row, waiting)


def _create_dn_file(path: Path, info: RasterInfo, cloud_optimized: bool) -> gdal.Dataset:
    """Create an empty file with all metadata of its bands."""
    tiles = ["TILED=YES", f"BLOCKXSIZE={TILE_PX}", f"BLOCKYSIZE={TILE_PX}", "INTERLEAVE=PIXEL", "PREDICTOR=2"]
    options = [*tiles, *COMPRESSION]
    dataset = create_geotiff(path, info.grid, np.uint16, info.bands, NODATA_DN, info.tags, options)
    for number, name in enumerate(info.bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetScale(1 / info.quantification)
        band.SetOffset(info.offsets[name] / info.quantification)
        band.SetMetadata({"BANDNAME": name, "NATIVE_GSD": f"{BANDS[name].gsd}"})
        if name in info.passbands:
            _set_passband(band, info.passbands[name], cloud_optimized)
    return dataset


def _set_passband(band: gdal.Band, passband: Passband, cloud_optimized: bool) -> None:
    """Write wavelength and width under the names of GDAL's Sentinel-2 driver and of GDAL's IMAGERY domain."""
    names = (("WAVELENGTH", "CENTRAL_WAVELENGTH_UM"), ("BANDWIDTH", "FWHM_UM"))
    for (name, imagery_name), value_nm in zip(names, passband, strict=True):
        if value_nm is not None:
            band.SetMetadataItem(name, f"{value_nm:g}")
            band.SetMetadataItem(f"{name}_UNIT", "nm")
            name_and_domain = (
                (imagery_name + _UNMARKED.rstrip('"'), "") if cloud_optimized else (imagery_name, "IMAGERY")
            )
            band.SetMetadataItem(name_and_domain[0], f"{value_nm / 1000:g}", name_and_domain[1])


def _add_overviews(path: Path, grid: GeoReference) -> None:
    """Halve the image until it is at most SMALLEST_OVERVIEW_PX wide and high."""
    count = math.ceil(math.log2(max(grid.rows, grid.cols) / SMALLEST_OVERVIEW_PX))
    if count > 0:
        with open_output(path, partial(gdal.Open, str(path), gdal.GA_Update)) as output:
            output.add_overviews([2**level for level in range(1, count + 1)])


def _copy_as_cog(plain: Path, path: Path) -> None:
    """Copy a GeoTIFF, with its overviews, in the order of a Cloud-Optimized GeoTIFF."""
    options = [f"BLOCKSIZE={TILE_PX}", "PREDICTOR=YES", "OVERVIEWS=FORCE_USE_EXISTING", *COMPRESSION]
    driver = gdal.GetDriverByName("COG")
    with open_output(path, lambda: driver.CreateCopy(str(path), gdal.Open(str(plain)), options=options)):
        pass  # CreateCopy writes all


def _mark_imagery(path: Path) -> None:
    """Move the wavelengths of a COG to the domain IMAGERY, see `_UNMARKED`. All tags of a COG precede its pixels."""
    with path.open("r+b") as file:
        head = file.read(_COG_HEAD_BYTES)
        file.seek(0)
        file.write(head.replace(_UNMARKED.encode(), _MARKED.encode()))
