"""Rows of DN and where they lie -> GeoTIFF that GIS programs open with band names, reflectance and overviews.

Tiled 512 x 512, DEFLATE with horizontal differences, pixel-interleaved, nodata 0, BigTIFF where 4 GB may not do. Scale and
offset are set so that reflectance = DN * scale + offset = (DN + product's offset) / quantification, as in the input.
The file appears whole or not at all.
"""

import math
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal, osr

from common.errors import OutputError
from common.files.atomic import remove_abandoned, require_space, whole_file
from common.pixels.sentinel2 import BANDS, NODATA_DN
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.scenes.scene import Scene

gdal.UseExceptions()
TILE_PX = 512
SMALLEST_OVERVIEW_PX = 256
COMPRESSION = ["COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER", "NUM_THREADS=ALL_CPUS"]
LEAST_COMPRESSED = 0.1  # of the size in memory; what the disk must have before the work starts


@dataclass(frozen=True)
class RasterInfo:
    """What a GeoTIFF says about its pixels.

    Attributes:
        grid: where they lie.
        bands: names such as `B05`.
        quantification, offsets: reflectance = (DN + offset) / quantification; offsets by band.
        tags: of the file, name -> text.
    """

    grid: GeoReference
    bands: tuple[str, ...]
    quantification: float
    offsets: Mapping[str, float]
    tags: Mapping[str, str]

    @classmethod
    def of_region(
        cls, scene: Scene, grid: GeoReference, region: Window, bands: Sequence[str], tags: Mapping[str, str]
    ) -> "RasterInfo":
        """A region of a scene, given in pixels of its grid."""
        x, width, x_skew, y, y_skew, height = grid.geotransform
        corner = (x + region.col * width + region.row * x_skew, y + region.col * y_skew + region.row * height)
        there = GeoReference(
            grid.crs_wkt, (corner[0], width, x_skew, corner[1], y_skew, height), region.height, region.width
        )
        return cls(there, tuple(bands), scene.quantification, scene.offsets, tags)


def check_output(path: Path, overwrite: bool, info_size: int = 0) -> None:
    """Refuse, before any work, a file that cannot be written.

    Args:
        path: of the file.
        overwrite: it may be there already.
        info_size: bytes of its pixels in memory.

    Raises:
        OutputError: it exists, or its folder is missing, read-only or full.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no ordinary file; give another --output.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; replace it with --overwrite, or give another --output.")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; make it, or give another --output.")
    remove_abandoned(path)
    require_space(path, int(LEAST_COMPRESSED * info_size) + 1)


def write_geotiff(path: Path, info: RasterInfo, strips: Iterator[np.ndarray], cloud_optimized: bool = False) -> None:
    """Write a GeoTIFF with overviews, from rows as they come.

    Args:
        path: of the file; replaced if it is there.
        info: grid, bands and tags.
        strips: (rows, cols, bands) uint16 from top to bottom; any numbers of rows.
        cloud_optimized: order the file so that parts of it can be read over a network (COG); needs twice the space
            while it is written.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    with whole_file(path) as temporary:
        plain = temporary.with_name(f"{temporary.name}.plain") if cloud_optimized else temporary
        try:
            _write_tiles(plain, info, strips)
            _add_overviews(plain, info.grid)
            if cloud_optimized:
                _copy_as_cog(plain, temporary)
        finally:
            for name in (f"{temporary.name}.plain", f"{temporary.name}.ovr.tmp"):
                with suppress(OSError):
                    temporary.with_name(name).unlink()
    for name in (f"{path.name}.aux.xml", f"{path.name}.ovr"):  # what GIS programs wrote about an older file
        path.with_name(name).unlink(missing_ok=True)


def _write_tiles(path: Path, info: RasterInfo, strips: Iterator[np.ndarray]) -> None:
    """Write all pixels, whole rows of tiles at a time, so that no tile is compressed twice."""
    with _dataset(path, lambda: _create(path, info)) as holder:
        row, waiting = 0, np.empty((0, info.grid.cols, len(info.bands)), np.uint16)
        for strip in strips:
            waiting = np.concatenate([waiting, strip])
            whole = len(waiting) // TILE_PX * TILE_PX
            with _as_output_error(path):
                _write_rows(holder[0], row, waiting[:whole])
            row, waiting = row + whole, waiting[whole:]
        if row + len(waiting) != info.grid.rows:
            raise ValueError(f"{info.grid.rows} rows were announced, {row + len(waiting)} came.")
        with _as_output_error(path):
            _write_rows(holder[0], row, waiting)


def _create(path: Path, info: RasterInfo) -> gdal.Dataset:
    """An empty file that says all about its pixels."""
    options = [
        "TILED=YES",
        f"BLOCKXSIZE={TILE_PX}",
        f"BLOCKYSIZE={TILE_PX}",
        "INTERLEAVE=PIXEL",
        "PREDICTOR=2",
        "PHOTOMETRIC=MINISBLACK",
        *COMPRESSION,
    ]
    shape = info.grid.cols, info.grid.rows, len(info.bands)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), *shape, gdal.GDT_UInt16, options)
    dataset.SetGeoTransform(info.grid.geotransform)
    dataset.SetSpatialRef(osr.SpatialReference(wkt=info.grid.crs_wkt))
    dataset.SetMetadata({"AREA_OR_POINT": "Area", **info.tags})
    for number, name in enumerate(info.bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetDescription(name)
        band.SetNoDataValue(NODATA_DN)
        band.SetScale(1 / info.quantification)
        band.SetOffset(info.offsets[name] / info.quantification)
        band.SetColorInterpretation(gdal.GCI_GrayIndex if number == 1 else gdal.GCI_Undefined)
        # Names as GDAL's own Sentinel-2 driver gives them.
        band.SetMetadata(
            {
                "BANDNAME": name,
                "WAVELENGTH": f"{BANDS[name].wavelength_nm:g}",
                "WAVELENGTH_UNIT": "nm",
                "NATIVE_GSD": f"{BANDS[name].gsd}",
            }
        )
    return dataset


def _write_rows(dataset: gdal.Dataset, row: int, rows: np.ndarray) -> None:
    for top in range(0, len(rows), TILE_PX):
        part = np.ascontiguousarray(rows[top : top + TILE_PX].transpose(2, 0, 1))
        dataset.WriteArray(part, 0, row + top)
        dataset.FlushCache()


def _add_overviews(path: Path, grid: GeoReference) -> None:
    """Halve the image until it is small; nodata does not enter the averages."""
    count = max(0, math.ceil(math.log2(max(grid.rows, grid.cols) / SMALLEST_OVERVIEW_PX)))
    if not count:
        return
    with _dataset(path, lambda: gdal.Open(str(path), gdal.GA_Update)) as holder, _as_output_error(path):
        holder[0].BuildOverviews("AVERAGE", [2**level for level in range(1, count + 1)])


def _copy_as_cog(plain: Path, path: Path) -> None:
    """The same in the order of a Cloud-Optimized GeoTIFF, with the same overviews."""
    options = [f"BLOCKSIZE={TILE_PX}", "PREDICTOR=YES", "OVERVIEWS=FORCE_USE_EXISTING", *COMPRESSION]
    driver = gdal.GetDriverByName("COG")
    with _dataset(path, lambda: driver.CreateCopy(str(path), gdal.Open(str(plain)), options=options)):
        pass


@contextmanager
def _dataset(path: Path, make: Callable[[], gdal.Dataset]) -> Iterator[list[gdal.Dataset]]:
    """A dataset that is closed at the end, which is where GDAL meets a full disk last.

    It comes in a list of its own: whoever holds the dataset itself keeps it open, a traceback as well.
    """
    with _as_output_error(path):
        holder = [make()]
    try:
        yield holder
        with _as_output_error(path):
            holder[0].FlushCache()
    except BaseException:
        with suppress(OutputError), _as_output_error(path):  # the first error says it
            holder.clear()
        raise
    with _as_output_error(path):
        holder.clear()


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Turn GDAL's errors, those it only prints and those of closing as well, into one OutputError."""
    messages: list[str] = []

    def collect(severity: int, _number: int, message: str) -> None:
        if severity >= gdal.CE_Failure:
            messages.append(message.strip())

    gdal.PushErrorHandler(collect)
    hook, sys.unraisablehook = sys.unraisablehook, lambda found: messages.append(str(found.exc_value))
    try:
        yield
    except RuntimeError as error:
        messages.append(str(error))
        traceback.clear_frames(error.__traceback__)  # they hold datasets
    finally:
        sys.unraisablehook = hook
        gdal.PopErrorHandler()
    if messages:
        reason = next(filter(None, messages), "GDAL gives no reason")
        raise OutputError(f"cannot write to {path.parent}: {reason}; check space and permissions there.")


def read_geotiff(path: Path, window: Window, bands: Sequence[str]) -> np.ndarray:
    """A part of some bands of a file that `write_geotiff` wrote: (rows, cols, bands) uint16 DN."""
    dataset = gdal.Open(str(path))
    names = [dataset.GetRasterBand(number).GetDescription() for number in range(1, dataset.RasterCount + 1)]
    numbers = [names.index(band) + 1 for band in bands]
    place = window.col, window.row, window.width, window.height
    return np.stack([dataset.GetRasterBand(number).ReadAsArray(*place) for number in numbers], axis=2)
