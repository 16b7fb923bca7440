"""Scene + window -> DN arrays through GDAL; the only file that opens rasters to read them.

Arrays are (rows, cols) or (rows, cols, bands), uint16 DN as stored, each band at its native GSD; row 0 is north.
Damaged files are errors, never zeros: a JPEG 2000 file is checked for its end before it is decoded, and whatever the
decoder warns about counts as damage. GDAL's own messages do not reach the terminal.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from osgeo import gdal, osr

from common.errors import ProductError, ProductNotFoundError
from common.scene import Scene
from common.sentinel2 import BANDS, BANDS_BY_GSD, normalize_band
from common.windows import Window

gdal.UseExceptions()
osr.UseExceptions()

_DRIVERS = ["JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "GTiff"]
_AGAIN = "download or unpack the product again"
_BOX_HEAD = struct.Struct(">I4sQ")  # length, kind, and the length of boxes beyond 4 GB
_END_OF_CODESTREAM = b"\xff\xd9"
CACHE_BYTES = 128 * 2**20  # two rows of blocks of a full tile at 10 m are 45 MB
_EDGE_POINTS = 21  # points a side: meridians are curved lines in UTM


@dataclass(frozen=True)
class GeoReference:
    """Where a pixel grid lies on the ground.

    Attributes:
        crs_wkt: coordinate reference system, well-known text.
        geotransform: GDAL's six numbers: x of the left edge, pixel width, 0, y of the upper edge, 0, -pixel height.
        rows: height of the grid in pixels.
        cols: width of the grid in pixels.
    """

    crs_wkt: str
    geotransform: tuple[float, float, float, float, float, float]
    rows: int
    cols: int


def georeference(scene: Scene, gsd: int) -> GeoReference:
    """The grid that all bands of one GSD share. Reads headers only.

    Raises:
        ProductError: a band is missing or damaged, lacks a georeference, or lies on another grid.
    """
    grids = {band: _grid(scene, band) for band in scene.bands_at(gsd)}
    _require_same(scene, {band: _describe(grid) for band, grid in grids.items()})
    return next(iter(grids.values()))


def check_grids(scene: Scene, gsds: Sequence[int] = (10, 20, 60)) -> None:
    """Check that the grids of several GSDs cover the same ground. Reads headers only.

    Raises:
        ProductError: as `georeference`, or one grid is larger, smaller or elsewhere than the first.
    """
    grounds = {f"the {gsd} m grid": _ground(georeference(scene, gsd)) for gsd in gsds}
    _require_same(scene, grounds)


def footprint_lonlat(scene: Scene) -> tuple[float, float, float, float]:
    """Bounds of the scene in degrees: (west, south, east, north); west > east across the antimeridian.

    Raises:
        ProductError: as `georeference`.
    """
    gsd = next((gsd for gsd, bands in BANDS_BY_GSD.items() if set(bands) <= set(scene.band_paths)), 10)
    grid = georeference(scene, gsd)
    x, width, _, y, _, height = grid.geotransform
    source, target = osr.SpatialReference(wkt=grid.crs_wkt), osr.SpatialReference()
    target.ImportFromEPSG(4326)
    for system in (source, target):
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)  # x, y and lon, lat, whatever the authority says
    transform = osr.CoordinateTransformation(source, target)
    bounds = transform.TransformBounds(x, y + height * grid.rows, x + width * grid.cols, y, _EDGE_POINTS)
    west, south, east, north = bounds
    return west, south, east, north


def read_band(scene: Scene, band: str, window: Window | None = None, threads: int | None = None) -> np.ndarray:
    """One band as stored: shape (rows, cols), uint16 DN, native GSD. Arguments and errors as in `read_bands`."""
    return read_bands(scene, (band,), window, threads)[..., 0]


def read_bands(
    scene: Scene, bands: Sequence[str], window: Window | None = None, threads: int | None = None
) -> np.ndarray:
    """Bands of one GSD as stored.

    Args:
        scene: as `common/tiles.py` opens it.
        bands: names, all of the same native GSD.
        window: part to read, in pixels of that GSD; None reads all.
        threads: threads of the JPEG 2000 decoder; None means all cores that this process may use.

    Returns:
        Shape (rows, cols, bands), uint16 DN, in the order of `bands`.

    Raises:
        ValueError: no bands, bands of different GSDs, or a window that is not inside the band.
        ProductNotFoundError: a band's file is missing.
        ProductError: a file is empty, cut short or damaged, is not uint16, or differs in size from the others.
    """
    bands = [normalize_band(band) for band in bands]
    if len({BANDS[band].gsd for band in bands}) != 1:
        raise ValueError(f"bands must be of one GSD; got {[f'{band} ({BANDS[band].gsd} m)' for band in bands]}.")
    with _decoder_threads(threads):
        datasets = [_open(scene, band) for band in bands]
        sizes = [(dataset.RasterYSize, dataset.RasterXSize) for dataset in datasets]
        _require_same(scene, {band: _px(*size) for band, size in zip(bands, sizes, strict=True)})
        window = _checked_window(window, *sizes[0])
        dn = np.empty((window.height, window.width, len(bands)), dtype=np.uint16)
        for index in range(len(bands)):
            _read(datasets.pop(0), window, dn[..., index])  # popped: GDAL's cache is freed band by band
    return dn


def block_rows(scene: Scene, band: str) -> int:
    """Rows of the blocks in which a band's file is stored: reading whole blocks decodes each only once."""
    return int(_open(scene, band).GetRasterBand(1).GetBlockSize()[1])


def limit_cache(size: int = CACHE_BYTES) -> None:
    """Let GDAL keep at most so many bytes of blocks, whatever the machine has: its own limit is 5 % of the memory."""
    gdal.SetCacheMax(size)


def read_raster(path: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """All bands of one raster file, and what their descriptions say, such as `B02`; empty where they say nothing.

    Returns:
        Shape (rows, cols, bands), dtype as stored.

    Raises:
        ProductNotFoundError: the file is missing.
        ProductError: it is empty or damaged.
    """
    status = gdal.VSIStatL(path)
    if status is None:
        raise ProductNotFoundError(f"{path} does not exist; {_AGAIN}.")
    if status.size == 0:
        raise ProductError(f"{path} is empty (0 bytes); {_AGAIN}.")
    with _as_product_error(path, warnings_too=True):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER, _DRIVERS, sibling_files=[Path(path).name])
        names = tuple(dataset.GetRasterBand(i + 1).GetDescription() for i in range(dataset.RasterCount))
        pixels = dataset.ReadAsArray()
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[None], 0, -1), names


def _read(dataset: gdal.Dataset, window: Window, out: np.ndarray) -> None:
    """Decode a window straight into `out`, shape (height, width), uint16."""
    with _as_product_error(dataset.GetDescription(), warnings_too=True):
        dataset.ReadAsArray(window.col, window.row, window.width, window.height, buf_obj=out)


def _checked_window(window: Window | None, rows: int, cols: int) -> Window:
    """The window, or all of the band; never outside it."""
    window = window or Window(0, 0, rows, cols)
    bottom, right = window.row + window.height, window.col + window.width
    if min(window.row, window.col) < 0 or min(window.height, window.width) < 1 or bottom > rows or right > cols:
        raise ValueError(f"window must be inside {rows} rows x {cols} columns; got {window}.")
    return window


def _open(scene: Scene, band: str) -> gdal.Dataset:
    """Open a band's file, after checks that name what is wrong with it better than GDAL does."""
    path = scene.band_paths.get(band)
    if path is None:
        present = ", ".join(scene.band_paths) or "no bands"
        raise ProductNotFoundError(f"{scene.name} has no file for {band}, it has {present}; {_AGAIN}.")
    status = gdal.VSIStatL(path)
    if status is None:
        raise ProductNotFoundError(f"{path} does not exist; {_AGAIN}.")
    if status.size == 0:
        raise ProductError(f"{path} is empty (0 bytes); {_AGAIN}.")
    if path.endswith(".jp2") and not path.startswith("/vsizip/"):  # a zip has its own end and checksums
        _require_complete_jp2(path, status.size)
    with _as_product_error(path):
        # Naming the file as its own sibling saves GDAL a listing of the folder.
        dataset = gdal.OpenEx(path, gdal.OF_RASTER, _DRIVERS, sibling_files=[Path(path).name])
    _require_uint16(dataset, path)
    return dataset


def _require_uint16(dataset: gdal.Dataset, path: str) -> None:
    """Refuse a file that is no single band of DN."""
    types = [gdal.GetDataTypeName(dataset.GetRasterBand(i + 1).DataType) for i in range(dataset.RasterCount)]
    if types != ["UInt16"]:
        raise ProductError(
            f"{path} must hold one band of UInt16; got {', '.join(types)}; give the product as downloaded."
        )


def _require_complete_jp2(path: str, size: int) -> None:
    """Refuse a JPEG 2000 file that is cut short or whose end was never written.

    Decoders stop at most, not all, of these, some of them only in the window that is cut off.
    """
    try:
        with open(path, "rb") as file:
            end = _codestream_end(file, size)
            file.seek(max(0, min(end or 0, size) - len(_END_OF_CODESTREAM)))
            tail = file.read(len(_END_OF_CODESTREAM))
    except OSError as error:
        raise ProductError(f"{path} cannot be read ({error.strerror}); check its rights.") from error
    if end is None or end > size:
        raise ProductError(f"{path} is cut short at {size} bytes or is no JPEG 2000 file; {_AGAIN}.")
    if tail != _END_OF_CODESTREAM:
        raise ProductError(f"{path} does not end as JPEG 2000 does, so it was not written to its end; {_AGAIN}.")


def _codestream_end(file: BinaryIO, size: int) -> int | None:
    """Where the box `jp2c` with the pixels ends, in bytes; None if there is no such box. ISO/IEC 15444-1, annex I."""
    position = 0
    while position < size:
        file.seek(position)
        length, kind, long_length = _BOX_HEAD.unpack(file.read(_BOX_HEAD.size).ljust(_BOX_HEAD.size, b"\0"))
        length = {0: size - position, 1: long_length}.get(length, length)  # 0: to the end of the file
        if kind == b"jp2c":
            return int(position + length)
        if length < 8:
            return None
        position += length
    return None


def _grid(scene: Scene, band: str) -> GeoReference:
    """Georeference of one band."""
    dataset = _open(scene, band)
    geotransform = dataset.GetGeoTransform(can_return_null=True)
    wkt = dataset.GetProjection()
    if geotransform is None or not wkt:
        raise ProductError(f"{dataset.GetDescription()} has no georeference; {_AGAIN}.")
    return GeoReference(wkt, tuple(geotransform), dataset.RasterYSize, dataset.RasterXSize)


def _describe(grid: GeoReference) -> str:
    x, pixel, _, y, *_ = grid.geotransform
    return f"{_px(grid.rows, grid.cols)} of {pixel:g} m at ({x:g}, {y:g}) in {_crs(grid)}"


def _ground(grid: GeoReference) -> str:
    x, pixel, _, y, *_ = grid.geotransform
    return f"{grid.rows * pixel:g} x {grid.cols * pixel:g} m at ({x:g}, {y:g}) in {_crs(grid)}"


def _crs(grid: GeoReference) -> str:
    return osr.SpatialReference(wkt=grid.crs_wkt).GetName()


def _px(rows: int, cols: int) -> str:
    return f"{rows} x {cols} px"


def _require_same(scene: Scene, descriptions: Mapping[str, str]) -> None:
    """Refuse bands, or grids, that should be described alike and are not."""
    (first, expected), *others = descriptions.items()
    for name, got in others:
        if got != expected:
            raise ProductError(f"{scene.name}: {name} has {got}, but {first} has {expected}; {_AGAIN}.")


@contextmanager
def _as_product_error(path: str, warnings_too: bool = False) -> Iterator[None]:
    """Turn GDAL's errors, and on request its warnings, into one ProductError; keep both off the terminal."""
    messages: list[str] = []

    def collect(severity: int, _number: int, message: str) -> None:
        if severity >= (gdal.CE_Warning if warnings_too else gdal.CE_Failure):
            messages.append(message.strip())

    gdal.PushErrorHandler(collect)
    try:
        yield
    except RuntimeError as error:
        messages.append(str(error))
    finally:
        gdal.PopErrorHandler()
    if messages:
        reason = next(filter(None, messages), "it cannot be decoded")  # the decoder's threads give no reason
        raise ProductError(f"{path} is damaged ({reason}); {_AGAIN}.")


@contextmanager
def _decoder_threads(threads: int | None) -> Iterator[None]:
    """Let GDAL decode with so many threads, in this Python thread only."""
    option = "GDAL_NUM_THREADS"
    before = gdal.GetThreadLocalConfigOption(option)
    gdal.SetThreadLocalConfigOption(option, str(threads or _usable_cores()))
    try:
        yield
    finally:
        gdal.SetThreadLocalConfigOption(option, before)


def _usable_cores() -> int:
    """Cores that this process may use: under mpirun and in batch jobs fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
