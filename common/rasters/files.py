"""Open and read raster files through GDAL.

Damaged files are errors, never zeros: a JPEG 2000 file must be complete before it is decoded, and every warning of the
decoder counts as damage. GDAL's own messages do not reach the terminal. Files at http addresses (`/vsicurl/URL`) are read
by range requests, each block once, and their errors name the server's answer.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from osgeo import gdal

from common.errors import ProductError, ProductNotFoundError
from common.files.gdal_paths import find_place
from common.files.read_errors import describe_missing, find_refusal
from common.rasters.jpeg2000 import DOWNLOAD_AGAIN, is_jpeg2000, require_complete_jpeg2000
from common.scenes.scene import Scene
from common.scenes.stac.assets import DOWNLOAD, REMOTE
from common.scenes.stac.item import is_item_file

_DRIVERS = ["JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "GTiff"]
_ZARR_DRIVERS = ["Zarr"]
# For files at http addresses, unless the user has set them.
_HTTP_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no requests for files beside it
    "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds
    "GDAL_HTTP_LOW_SPEED_TIME": "60",  # seconds without LOW_SPEED_LIMIT, after which a request fails
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",  # bytes a second
    "GDAL_HTTP_MAX_RETRY": "3",  # if the server is busy or the connection breaks
    "GDAL_HTTP_RETRY_DELAY": "1",  # seconds, more each time
}
_ANSWERS = {
    "0": "the server does not answer",
    "401": "the server answers 401: it wants credentials, which are not handled",
    "403": "the server answers 403: it wants credentials, which are not handled, or a fresh signature in the address",
}
MAX_IMAGE_BYTES = 64 * 2**20  # of an image that is read whole; a patch of BigEarthNet with all bands holds 0.4 MB
MAX_BLOCK_BYTES = 256 * 2**20  # of a block that is decoded at once; a band of a tile in one block holds 241 MB
CACHE_BYTES = 128 * 2**20  # two rows of blocks of a full tile at 10 m are 45 MB

gdal.UseExceptions()


def limit_cache(size: int = CACHE_BYTES) -> None:
    """Limit GDAL's cache of decoded blocks to `size` bytes. GDAL's own limit is 5 % of the machine's memory."""
    gdal.SetCacheMax(size)


def read_raster(path: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read all bands of one raster file, and their descriptions.

    Args:
        path: a path that GDAL opens.

    Returns:
        Pixels, shape (rows, cols, bands), dtype as stored; and one description for each band, such as `B02` or empty.

    Raises:
        ProductNotFoundError: the file is missing.
        ProductError: the file is empty, damaged, or larger than the patches that this function reads.
    """
    _require_content(path)
    with as_product_error(path, warnings_too=True):
        dataset = _open(path)
        _require_size(path, dataset, dataset.RasterXSize, dataset.RasterYSize, MAX_IMAGE_BYTES)
        names = tuple(dataset.GetRasterBand(i + 1).GetDescription() for i in range(dataset.RasterCount))
        pixels = dataset.ReadAsArray()
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[None], 0, -1), names


def open_band(scene: Scene, band: str) -> gdal.Dataset:
    """Open the file or the Zarr array of a band, after checks with clearer messages than those of GDAL.

    Raises:
        ProductNotFoundError: the scene has no file for the band, or the file is missing.
        ProductError: the file is empty, cut short or damaged, or does not hold one band of uint16.
    """
    path = scene.band_paths.get(band)
    if path is None:
        present = ", ".join(scene.band_paths) or "no bands"
        raise ProductNotFoundError(f"{scene.name} has no file for {band}, it has {present}; {DOWNLOAD_AGAIN}.")
    if scene.zarr_format:
        with as_product_error(path):
            dataset = gdal.OpenEx(path, gdal.OF_RASTER, _ZARR_DRIVERS)
        _require_uint16(dataset, path)
        return dataset
    advice = f"download it, or correct {scene.path}" if is_item_file(scene.path) else DOWNLOAD_AGAIN
    size = _require_content(path, advice)
    # A zip has an end record and checksums; a server says how many bytes it sends.
    if not path.startswith(("/vsizip/", REMOTE)) and is_jpeg2000(path):
        require_complete_jpeg2000(path, size)
    with as_product_error(path):
        dataset = _open(path)
    _require_uint16(dataset, path)
    _require_size(path, dataset, *dataset.GetRasterBand(1).GetBlockSize(), MAX_BLOCK_BYTES)
    return dataset


def _require_content(path: str, advice: str = DOWNLOAD_AGAIN) -> int:
    """Return the size of a file in bytes; raise ProductError, with an advice, if it is missing or empty."""
    with as_product_error(path, warnings_too=path.startswith(REMOTE)):
        status = gdal.VSIStatL(path)
    if status is None and path.startswith(REMOTE):
        raise ProductNotFoundError(f"{_url(path)} does not exist: the server answers 404; correct the item.")
    if status is None:
        raise ProductNotFoundError(f"{path} {describe_missing(path)}; {advice}.")
    if status.size == 0:
        name = _url(path) if path.startswith(REMOTE) else path
        raise ProductError(f"{name} is empty (0 bytes); {advice}.")
    return int(status.size)


def _open(path: str) -> gdal.Dataset:
    """Open a file by name. GDAL would list its folder if it did not get the file's name as the only sibling.

    With several threads, GDAL asks a server for each block of a GeoTIFF; with one, for all blocks of a strip at once.
    """
    one_thread = path.startswith(REMOTE) and not _url(path).endswith(".jp2")
    options = ["NUM_THREADS=1"] if one_thread else []
    return gdal.OpenEx(path, gdal.OF_RASTER, _DRIVERS, options, sibling_files=[Path(path).name])


def _require_size(path: str, dataset: gdal.Dataset, width: int, height: int, most_bytes: int) -> None:
    """Raise ProductError if pixels would need more memory than expected. A small file may state a huge size."""
    pixel_bytes = gdal.GetDataTypeSize(dataset.GetRasterBand(1).DataType) // 8 if dataset.RasterCount else 0
    size = width * height * pixel_bytes * dataset.RasterCount
    if size > most_bytes:
        raise ProductError(
            f"{path} asks for {size // 2**20} MiB at once, {height} x {width} px in {dataset.RasterCount} bands; expected at "
            f"most {most_bytes // 2**20} MiB: {DOWNLOAD_AGAIN}."
        )


def _require_uint16(dataset: gdal.Dataset, path: str) -> None:
    """Raise ProductError if a file does not hold one band of uint16."""
    types = [gdal.GetDataTypeName(dataset.GetRasterBand(i + 1).DataType) for i in range(dataset.RasterCount)]
    if types != ["UInt16"]:
        raise ProductError(
            f"{path} must hold one band of UInt16; got {', '.join(types)}; give the product as downloaded."
        )


def describe_px(rows: int, cols: int) -> str:
    """Return the size of an image as messages show it."""
    return f"{rows} x {cols} px"


def require_same(scene: Scene, descriptions: Mapping[str, str]) -> None:
    """Check that bands or grids have the same description.

    Args:
        scene: its name is in the message.
        descriptions: name of a band or grid -> its size and place.

    Raises:
        ProductError: one description differs from the first.
    """
    (first, expected), *others = descriptions.items()
    for name, description in others:
        if description != expected:
            raise ProductError(f"{scene.name}: {name} has {description}, but {first} has {expected}; {DOWNLOAD_AGAIN}.")


def one_line(message: str) -> str:
    """Return a message of GDAL in one line. GDAL 3.10 adds "May be caused by: ..." in further lines."""
    return "; ".join(filter(None, map(str.strip, message.splitlines())))


@contextmanager
def as_product_error(path: str, warnings_too: bool = False, remedy: str = DOWNLOAD_AGAIN) -> Iterator[None]:
    """Turn GDAL's errors into one ProductError, and on request its warnings. Neither reaches the terminal.

    Args:
        path: of the file.
        warnings_too: warnings are errors, too.
        remedy: what the user can do if the file is damaged.
    """
    messages: list[str] = []

    def collect(severity: int, _number: int, message: str) -> None:
        if severity >= (gdal.CE_Warning if warnings_too else gdal.CE_Failure) and "Retrying again" not in message:
            messages.append(one_line(message))

    gdal.PushErrorHandler(collect)
    try:
        with http_options(path):
            yield
    except RuntimeError as error:
        messages.append(one_line(str(error)))
    except SystemError:  # GDAL 3.6 cannot give us a message that quotes bytes of the file which are no UTF-8
        messages.append("")
    finally:
        gdal.PopErrorHandler()
    if messages and path.startswith(REMOTE):
        raise _remote_error(path, messages)
    if messages:
        place = find_place(path)
        if place and (refusal := find_refusal(place.file)):
            raise ProductError(f"{path} {refusal}.")
        # Threads of the decoder report errors without a text.
        reason = next(filter(None, messages), "it cannot be decoded")
        raise ProductError(f"{path} is damaged ({reason}); {remedy}.")


@contextmanager
def http_options(path: str) -> Iterator[None]:
    """Set GDAL's options for http addresses in the current Python thread, if `path` is one. The user's own options stay."""
    options = _HTTP_OPTIONS if path.startswith(REMOTE) else {}
    ours = {name: value for name, value in options.items() if gdal.GetConfigOption(name) is None}
    for name, value in ours.items():
        gdal.SetThreadLocalConfigOption(name, value)
    try:
        yield
    finally:
        for name in ours:
            gdal.SetThreadLocalConfigOption(name, None)


def _remote_error(path: str, messages: list[str]) -> ProductError:
    """Return the error for a file at an http address. GDAL must ask the server again the next time."""
    gdal.VSICurlPartialClearCache(path)
    text = "; ".join(messages)
    if "Range downloading not supported" in text:
        return ProductError(f"{_url(path)} cannot be read in parts: its server answers no range requests; {DOWNLOAD}.")
    if match := re.search(r"HTTP (?:response|error) code(?: on .*)?: (\d+)", text):
        answer = _ANSWERS.get(match[1], f"the server answers {match[1]}")
        return ProductError(f"{_url(path)} cannot be read: {answer}; try again, or {DOWNLOAD}.")
    reason = next(filter(None, messages), "it cannot be decoded").replace(path, "the file")
    return ProductError(f"{_url(path)} cannot be read to its end, or is damaged ({reason}); try again, or {DOWNLOAD}.")


def _url(path: str) -> str:
    """Return the address of a file without its query, which may hold a signature."""
    return path.removeprefix(REMOTE).partition("?")[0]
