"""Fast reading of small GeoTIFFs with one band: BigEarthNet stores each band as a few uncompressed strips.

GDAL takes several times as long to open such a file as it takes to read its bytes. Only files stored in another way
(compressed, tiled, big-endian) are read by GDAL. Layout: TIFF 6.0 specification, sections 2, 3 and 8.
"""

import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bigearthnet.archive.folders import UNPACK_AGAIN, read_file
from common.errors import ProductError

_ENTRY = struct.Struct("<HHII")  # tag, type, count, value or its offset
_TYPES = {3: "H", 4: "I"}  # SHORT, LONG
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _COUNTS, _FORMAT = 256, 257, 258, 259, 273, 277, 279, 339
_DTYPES = {(1, 16): np.dtype("<u2"), (3, 32): np.dtype("<f4")}  # sample format and bits -> NumPy
_OTHER_TIFF = (b"MM\0*", b"II+\0", b"MM\0+")  # big-endian, BigTIFF
_INLINE_BYTES = 4  # an entry itself holds values up to this size


class Entry(NamedTuple):
    """One entry of a TIFF directory.

    Attributes:
        kind: type of its values: 3 (SHORT) or 4 (LONG) for the tags that are read here.
        count: number of values.
        value: the values themselves, if they fit into four bytes, or else their position in the file.
    """

    kind: int
    count: int
    value: int


class Layout(NamedTuple):
    """The layout of an uncompressed TIFF.

    Attributes:
        dtype: the pixels' NumPy type.
        shape: rows and columns.
        pieces: start and end of each run of adjacent strips, in bytes.
    """

    dtype: np.dtype
    shape: tuple[int, int]
    pieces: tuple[tuple[int, int], ...]


def read_tiff(path: str | Path, size: int, dtype: np.dtype) -> np.ndarray:
    """Read the pixels of a square GeoTIFF with one band.

    Args:
        path: the file.
        size: the number of rows, and of columns, that it must have.
        dtype: `uint16` or `float32`, as it must be stored.

    Returns:
        Shape (size, size), of that dtype.

    Raises:
        ProductNotFoundError: the file is missing.
        ProductError: it is cut short or damaged, or has another size or type.
    """
    content = read_file(path)
    try:
        image = decode_plain(content)
    except (struct.error, ValueError, TypeError) as error:
        raise ProductError(f"{path} is damaged or cut short at {len(content)} bytes; {UNPACK_AGAIN}.") from error
    if image is None:
        image = read_with_gdal(path)
    if image.shape != (size, size) or image.dtype != dtype:
        raise ProductError(
            f"{path} must have {size} x {size} px of {dtype}; got "
            f"{' x '.join(map(str, image.shape))} px of {image.dtype}; {UNPACK_AGAIN}."
        )
    return image


def decode_plain(content: bytes) -> np.ndarray | None:
    """Return the image of a little-endian TIFF of uncompressed strips, (rows, cols); None for other TIFFs.

    Raises:
        struct.error, ValueError, TypeError: the content is damaged or cut short.
    """
    if content[:4] != b"II*\0":
        if content[:4] in _OTHER_TIFF:
            return None
        raise ValueError("not a TIFF")
    start = int.from_bytes(content[4:8], "little") + 2
    directory = content[start : start + _ENTRY.size * int.from_bytes(content[start - 2 : start], "little")]
    layout = read_layout(directory, content[find_strip_tables(directory)])
    if layout is None:
        return None
    dtype, shape, pieces = layout
    if len(pieces) == 1:
        return np.ndarray(shape, dtype, content, pieces[0][0])  # TypeError if the file ends before the image does
    if sum(end - start for start, end in pieces) > len(content):
        raise ValueError("strips share bytes")  # a small file may ask for much in this way
    return np.ndarray(shape, dtype, b"".join(content[start:end] for start, end in pieces))


@lru_cache(maxsize=64)  # all files of an archive share about five directories
def find_strip_tables(directory: bytes) -> slice:
    """Return the part of the file with offsets and sizes of the strips; empty if the directory itself holds them.

    Raises:
        struct.error, ValueError: the directory is damaged.
    """
    tags = read_tags(directory)
    tables = [tags[tag] for tag in (_OFFSETS, _COUNTS) if tag in tags and size_of(tags[tag]) > _INLINE_BYTES]
    if not tables:
        return slice(0)
    return slice(min(entry.value for entry in tables), max(entry.value + size_of(entry) for entry in tables))


@lru_cache(maxsize=64)
def read_layout(directory: bytes, strip_tables: bytes) -> Layout | None:
    """Return the layout of the first image of a TIFF; None if the image is not stored in uncompressed strips.

    Args:
        directory: the entries of the image's directory.
        strip_tables: the part of the file that `find_strip_tables` names.

    Raises:
        struct.error, ValueError: directory or tables are damaged or cut short.
    """
    tags = read_tags(directory)
    missing = {_WIDTH, _LENGTH, _BITS} - set(tags)
    if missing:
        raise ValueError(f"no tag {missing}")
    bits, sample_format, compression, samples = (
        tags[tag].value if tag in tags else 1 for tag in (_BITS, _FORMAT, _COMPRESSION, _SAMPLES)
    )
    dtype = _DTYPES.get((sample_format, bits))
    if dtype is None or compression != 1 or samples != 1 or not {_OFFSETS, _COUNTS} <= set(tags):
        return None
    tables_start = find_strip_tables(directory).start or 0
    offsets, counts = (read_values(tags[tag], strip_tables, tables_start) for tag in (_OFFSETS, _COUNTS))
    pieces = join_adjacent(offsets, counts)
    rows, cols = tags[_LENGTH].value, tags[_WIDTH].value
    if sum(end - start for start, end in pieces) != rows * cols * dtype.itemsize:
        raise ValueError("the strips do not have the size of the image")
    return Layout(dtype, (rows, cols), pieces)


def join_adjacent(offsets: tuple[int, ...], counts: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return start and end of each run of strips that follow each other in the file.

    Raises:
        ValueError: the numbers of offsets and of counts differ.
    """
    pieces: list[tuple[int, int]] = []
    for offset, count in zip(offsets, counts, strict=True):
        start = pieces.pop()[0] if pieces and pieces[-1][1] == offset else offset
        pieces.append((start, offset + count))
    return tuple(pieces)


def read_tags(directory: bytes) -> dict[int, Entry]:
    """Return tag -> its entry."""
    return {tag: Entry(kind, count, value) for tag, kind, count, value in _ENTRY.iter_unpack(directory)}


def size_of(entry: Entry) -> int:
    """Return the size of an entry's values in bytes; ValueError if they are neither SHORT nor LONG."""
    if entry.kind not in _TYPES:
        raise ValueError(f"offsets or sizes of strips of type {entry.kind}")
    return entry.count * struct.calcsize(_TYPES[entry.kind])


def read_values(entry: Entry, tables: bytes, tables_start: int) -> tuple[int, ...]:
    """Return the values of an entry.

    Args:
        entry: of strip offsets or sizes.
        tables: part of the file that holds the values, if the entry itself does not.
        tables_start: position of `tables` in the file.
    """
    values = f"<{entry.count}{_TYPES[entry.kind]}"
    if size_of(entry) > _INLINE_BYTES:
        return struct.unpack_from(values, tables, entry.value - tables_start)
    return struct.unpack_from(values, entry.value.to_bytes(4, "little"))


def read_with_gdal(path: str | Path) -> np.ndarray:
    """Read the only band of a raster, (rows, cols); ProductError if GDAL cannot read it or it has more bands."""
    from common.rasters.files import read_raster  # loads GDAL, which is not needed for plain files

    pixels, _ = read_raster(str(path))
    if pixels.shape[-1] != 1:
        raise ProductError(f"{path} must hold one band; got {pixels.shape[-1]}; {UNPACK_AGAIN}.")
    return pixels[..., 0]
