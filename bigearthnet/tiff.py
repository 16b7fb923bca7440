"""Small single-band GeoTIFFs, fast: BigEarthNet stores each band as a plain TIFF of a few uncompressed strips.

Opening such a file by GDAL costs several times what reading its bytes does. Files stored in another way (compressed,
tiled, big-endian) are left to GDAL. Layout: TIFF 6.0 specification, sections 2, 3 and 8.
"""

import os
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import ProductError, ProductNotFoundError

_AGAIN = "unpack the archive again"
_READ = 1 << 16  # bytes; more than a band has
_ENTRY = struct.Struct("<HHII")  # tag, type, count, value or its offset
_TYPES = {3: "H", 4: "I"}  # SHORT, LONG
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _COUNTS, _FORMAT = 256, 257, 258, 259, 273, 277, 279, 339
_DTYPES = {(1, 16): np.dtype("<u2"), (3, 32): np.dtype("<f4")}  # sample format and bits -> NumPy
# The bytes of some numbers where they stand in the entry, else their position in the file; and their format.
Place = tuple[bytes, int, str]


class Layout(NamedTuple):
    """How an uncompressed TIFF is stored.

    Attributes:
        dtype: of NumPy.
        rows, cols: of the image.
        offsets, counts: of the strips, in bytes: where these numbers stand.
    """

    dtype: np.dtype
    rows: int
    cols: int
    offsets: Place
    counts: Place


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
    except (struct.error, ValueError) as error:
        raise ProductError(f"{path} is damaged or cut short at {len(data)} bytes; {_AGAIN}.") from error
    if image is None:
        image = decode_other(path)
    if image.shape != (size, size) or image.dtype != dtype:
        raise ProductError(
            f"{path} must have {size} x {size} px of {dtype}; got "
            f"{' x '.join(map(str, image.shape))} px of {image.dtype}; {_AGAIN}."
        )
    return image


def read_file(path: str | Path) -> bytes:
    """All bytes of a file; errors as in `read_tiff`."""
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            data = part = os.read(file, _READ)
            while len(part) == _READ:
                part = os.read(file, _READ)
                data += part
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise ProductNotFoundError(f"{path} is missing; {_AGAIN}.") from error
    except OSError as error:
        raise ProductError(f"{path} cannot be read ({error.strerror}); check its rights.") from error
    return data


def decode_plain(data: bytes) -> np.ndarray | None:
    """The image of a little-endian TIFF of uncompressed strips, (rows, cols); None where it is stored otherwise.

    Raises:
        struct.error, ValueError: damaged or cut short.
    """
    if data[:4] in (b"MM\0*", b"II+\0", b"MM\0+"):  # big-endian, BigTIFF
        return None
    if data[:4] != b"II*\0":
        raise ValueError("no TIFF")
    start = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[start : start + 2], "little")
    layout = read_layout(data[start + 2 : start + 2 + entries * _ENTRY.size])
    if layout is None:
        return None
    pieces = strip_pieces(strip_bytes(data, layout.offsets), strip_bytes(data, layout.counts))
    strips = data[pieces[0][0] : pieces[0][1]] if len(pieces) == 1 else b"".join(data[a:b] for a, b in pieces)
    # reshape refuses what the end of the file cuts off.
    return np.frombuffer(strips, layout.dtype).reshape(layout.rows, layout.cols)


@lru_cache(maxsize=64)  # an archive has some five
def read_layout(directory: bytes) -> Layout | None:
    """How the first image of a TIFF is stored, from the entries of its directory; None for what is not plain.

    Raises:
        struct.error, ValueError: damaged.
    """
    tags = {tag: (kind, count, value) for tag, kind, count, value in _ENTRY.iter_unpack(directory)}
    missing = {_WIDTH, _LENGTH, _BITS} - set(tags)
    if missing:
        raise ValueError(f"no tag {missing}")
    bits, fmt, compression, samples = (single(tags, tag, 1) for tag in (_BITS, _FORMAT, _COMPRESSION, _SAMPLES))
    dtype = _DTYPES.get((fmt, bits))
    if dtype is None or compression != 1 or samples != 1 or not {_OFFSETS, _COUNTS} <= set(tags):
        return None
    offsets, counts = place(tags[_OFFSETS]), place(tags[_COUNTS])
    if offsets is None or counts is None:
        return None
    return Layout(dtype, single(tags, _LENGTH), single(tags, _WIDTH), offsets, counts)


def single(tags: dict[int, tuple[int, int, int]], tag: int, default: int = 0) -> int:
    """The number that stands in an entry itself, padded with zeros behind; the default where there is no such tag."""
    return tags[tag][2] if tag in tags else default


def place(entry: tuple[int, int, int]) -> Place | None:
    """Where the numbers of an entry stand; None for two short ones in the entry itself, which no archive has."""
    kind, count, value = entry
    if kind not in _TYPES:
        raise ValueError(f"type {kind} of strips")
    layout = f"<{count}{_TYPES[kind]}"
    if count == 1:
        return value.to_bytes(4, "little"), 0, "<I"
    return (b"", value, layout) if struct.calcsize(layout) > 4 else None


def strip_bytes(data: bytes, where: Place) -> tuple[bytes, str]:
    """The numbers that `place` found, as they stand in the file, and their format."""
    inline, position, layout = where
    return inline or data[position : position + struct.calcsize(layout)], layout


@lru_cache(maxsize=64)
def strip_pieces(offsets: tuple[bytes, str], counts: tuple[bytes, str]) -> tuple[tuple[int, int], ...]:
    """Where the strips start and end; strips that follow each other are one piece.

    Raises:
        struct.error: the file ends before these numbers do.
    """
    pieces: list[tuple[int, int]] = []
    for offset, count in zip(*(struct.unpack(layout, raw) for raw, layout in (offsets, counts)), strict=True):
        start = pieces.pop()[0] if pieces and pieces[-1][1] == offset else offset
        pieces.append((start, offset + count))
    return tuple(pieces)


def decode_other(path: str | Path) -> np.ndarray:
    """The only band of a raster, (rows, cols), by GDAL; errors as in `read_tiff`."""
    from common.bands import read_raster  # loads GDAL, which plain files do without

    pixels, _ = read_raster(str(path))
    if pixels.shape[-1] != 1:
        raise ProductError(f"{path} must hold one band; got {pixels.shape[-1]}; {_AGAIN}.")
    return pixels[..., 0]
