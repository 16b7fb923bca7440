"""Open and read raster files through GDAL.

Damaged files are errors, never zeros: a JPEG 2000 file is checked for its end before it is decoded, and every warning of
the decoder counts as damage. GDAL's own messages do not reach the terminal.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from osgeo import gdal

from common.errors import ProductError, ProductNotFoundError
from common.scenes.scene import Scene

_DRIVERS = ["JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "GTiff"]
AGAIN = "download or unpack the product again"
_BOX_HEAD = struct.Struct(">I4sQ")  # length, kind, and the length of boxes beyond 4 GB
_END_OF_CODESTREAM = b"\xff\xd9"
CACHE_BYTES = 128 * 2**20  # two rows of blocks of a full tile at 10 m are 45 MB


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
        raise ProductNotFoundError(f"{path} does not exist; {AGAIN}.")
    if status.size == 0:
        raise ProductError(f"{path} is empty (0 bytes); {AGAIN}.")
    with as_product_error(path, warnings_too=True):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER, _DRIVERS, sibling_files=[Path(path).name])
        names = tuple(dataset.GetRasterBand(i + 1).GetDescription() for i in range(dataset.RasterCount))
        pixels = dataset.ReadAsArray()
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[None], 0, -1), names


def open_band(scene: Scene, band: str) -> gdal.Dataset:
    """Open a band's file, after checks that name what is wrong with it better than GDAL does."""
    path = scene.band_paths.get(band)
    if path is None:
        present = ", ".join(scene.band_paths) or "no bands"
        raise ProductNotFoundError(f"{scene.name} has no file for {band}, it has {present}; {AGAIN}.")
    status = gdal.VSIStatL(path)
    if status is None:
        raise ProductNotFoundError(f"{path} does not exist; {AGAIN}.")
    if status.size == 0:
        raise ProductError(f"{path} is empty (0 bytes); {AGAIN}.")
    if path.endswith(".jp2") and not path.startswith("/vsizip/"):  # a zip has its own end and checksums
        _require_complete_jp2(path, status.size)
    with as_product_error(path):
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
        raise ProductError(f"{path} is cut short at {size} bytes or is no JPEG 2000 file; {AGAIN}.")
    if tail != _END_OF_CODESTREAM:
        raise ProductError(f"{path} does not end as JPEG 2000 does, so it was not written to its end; {AGAIN}.")


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


def describe_px(rows: int, cols: int) -> str:
    return f"{rows} x {cols} px"


def require_same(scene: Scene, descriptions: Mapping[str, str]) -> None:
    """Refuse bands, or grids, that should be described alike and are not."""
    (first, expected), *others = descriptions.items()
    for name, got in others:
        if got != expected:
            raise ProductError(f"{scene.name}: {name} has {got}, but {first} has {expected}; {AGAIN}.")


@contextmanager
def as_product_error(path: str, warnings_too: bool = False) -> Iterator[None]:
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
        raise ProductError(f"{path} is damaged ({reason}); {AGAIN}.")
