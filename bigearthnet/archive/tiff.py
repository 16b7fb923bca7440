"""Small single-band GeoTIFFs, fast: BigEarthNet stores each band as a plain TIFF of a few uncompressed strips.

Opening such a file by GDAL costs several times what reading its bytes does. Files stored in another way (compressed,
tiled, big-endian) are left to GDAL. Layout: TIFF 6.0 specification, sections 2, 3 and 8.
"""

import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bigearthnet.archive.folders import AGAIN, read_file
from common.errors import ProductError

_ENTRY = struct.Struct("<HHII")  # tag, type, count, value or its offset
_TYPES = {3: "H", 4: "I"}  # SHORT, LONG
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _COUNTS, _FORMAT = 256, 257, 258, 259, 273, 277, 279, 339
_DTYPES = {(1, 16): np.dtype("<u2"), (3, 32): np.dtype("<f4")}  # sample format and bits -> NumPy
_OTHER = (b"MM\0*", b"II+\0", b"MM\0+")  # big-endian, BigTIFF
Entry = tuple[int, int, int]  # type, count, value


class Layout(NamedTuple):
    """How an uncompressed TIFF is stored.

    Attributes:
        dtype: of NumPy.
        shape: rows and columns.
        pieces: start and end of each run of strips, in bytes.
    """

    dtype: np.dtype
    shape: tuple[int, int]
    pieces: tuple[tuple[int, int], ...]


def read_tiff(path: str | Path, size: int, dtype: np.dtype) -> np.ndarray:
    """The pixels of a square GeoTIFF with one band.

    Args:
        path: the file.
        size: rows, and columns, that it must have.
        dtype: `uint16` or `float32`, as it must be stored.

    Returns:
        Shape (size, size), dtype as asked for.

    Raises:
        ProductNotFoundError: the file is missing.
        ProductError: it is cut short or damaged, or has another size or type.
    """
    data = read_file(path)
    try:
        image = decode_plain(data)
    except (struct.error, ValueError, TypeError) as error:
        raise ProductError(f"{path} is damaged or cut short at {len(data)} bytes; {AGAIN}.") from error
    if image is None:
        image = decode_other(path)
    if image.shape != (size, size) or image.dtype != dtype:
        raise ProductError(
            f"{path} must have {size} x {size} px of {dtype}; got "
            f"{' x '.join(map(str, image.shape))} px of {image.dtype}; {AGAIN}."
        )
    return image


def decode_plain(data: bytes) -> np.ndarray | None:
    """The image of a little-endian TIFF of uncompressed strips, (rows, cols); None where it is stored otherwise.

    Raises:
        struct.error, ValueError, TypeError: damaged or cut short.
    """
    if data[:4] != b"II*\0":
        if data[:4] in _OTHER:
            return None
        raise ValueError("no TIFF")
    start = int.from_bytes(data[4:8], "little") + 2
    directory = data[start : start + _ENTRY.size * int.from_bytes(data[start - 2 : start], "little")]
    layout = read_layout(directory, data[find_numbers(directory)])
    if layout is None:
        return None
    dtype, shape, pieces = layout
    if len(pieces) == 1:
        return np.ndarray(shape, dtype, data, pieces[0][0])  # refuses what the end of the file cuts off
    return np.ndarray(shape, dtype, b"".join(data[start:end] for start, end in pieces))


@lru_cache(maxsize=64)  # an archive has some five
def find_numbers(directory: bytes) -> slice:
    """The part of the file with the offsets and sizes of the strips; nothing where the directory itself holds them.

    Raises:
        struct.error, ValueError: damaged.
    """
    tags = read_tags(directory)
    there = [tags[tag] for tag in (_OFFSETS, _COUNTS) if tag in tags and number_bytes(tags[tag]) > 4]
    if not there:
        return slice(0)
    return slice(min(value for _, _, value in there), max(entry[2] + number_bytes(entry) for entry in there))


@lru_cache(maxsize=64)
def read_layout(directory: bytes, numbers: bytes) -> Layout | None:
    """How the first image of a TIFF is stored; None for what is not plain.

    Args:
        directory: its entries.
        numbers: what `find_numbers` finds.

    Raises:
        struct.error, ValueError: damaged or cut short.
    """
    tags = read_tags(directory)
    missing = {_WIDTH, _LENGTH, _BITS} - set(tags)
    if missing:
        raise ValueError(f"no tag {missing}")
    bits, fmt, compression, samples = (single(tags, tag, 1) for tag in (_BITS, _FORMAT, _COMPRESSION, _SAMPLES))
    dtype = _DTYPES.get((fmt, bits))
    if dtype is None or compression != 1 or samples != 1 or not {_OFFSETS, _COUNTS} <= set(tags):
        return None
    first = find_numbers(directory).start or 0
    pieces: list[tuple[int, int]] = []
    for offset, count in zip(*(read_numbers(tags[tag], numbers, first) for tag in (_OFFSETS, _COUNTS)), strict=True):
        start = pieces.pop()[0] if pieces and pieces[-1][1] == offset else offset  # strips that follow each other
        pieces.append((start, offset + count))
    rows, cols = single(tags, _LENGTH), single(tags, _WIDTH)
    if sum(end - start for start, end in pieces) != rows * cols * dtype.itemsize:
        raise ValueError("strips of another size than the image")
    return Layout(dtype, (rows, cols), tuple(pieces))


def read_tags(directory: bytes) -> dict[int, Entry]:
    """Tag -> its entry."""
    return {tag: (kind, count, value) for tag, kind, count, value in _ENTRY.iter_unpack(directory)}


def single(tags: dict[int, Entry], tag: int, default: int = 0) -> int:
    """The number that stands in an entry itself, padded with zeros behind; the default where there is no such tag."""
    return tags[tag][2] if tag in tags else default


def number_bytes(entry: Entry) -> int:
    """Bytes that the numbers of an entry take; up to four stand in the entry itself."""
    kind, count, _ = entry
    if kind not in _TYPES:
        raise ValueError(f"type {kind} of strips")
    return count * struct.calcsize(_TYPES[kind])


def read_numbers(entry: Entry, numbers: bytes, first: int) -> tuple[int, ...]:
    """The numbers of an entry, out of the bytes of the file from `first` on where they do not stand in it."""
    kind, count, value = entry
    layout = f"<{count}{_TYPES[kind]}"
    if number_bytes(entry) > 4:
        return struct.unpack_from(layout, numbers, value - first)
    return struct.unpack_from(layout, value.to_bytes(4, "little"))


def decode_other(path: str | Path) -> np.ndarray:
    """The only band of a raster, (rows, cols), by GDAL; errors as in `read_tiff`."""
    from common.rasters.files import read_raster  # loads GDAL, which plain files do without

    pixels, _ = read_raster(str(path))
    if pixels.shape[-1] != 1:
        raise ProductError(f"{path} must hold one band; got {pixels.shape[-1]}; {AGAIN}.")
    return pixels[..., 0]
