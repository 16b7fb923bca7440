"""Refuse a JPEG 2000 file that is cut short, before GDAL decodes it."""

import os
import struct
from typing import BinaryIO

from osgeo import gdal

from common.errors import ProductError
from common.files.jpeg2000_gaps import END_OF_CODESTREAM, SIGNATURE
from common.files.read_errors import describe_failed_read

DOWNLOAD_AGAIN = "download or unpack the product again"
_BOX_HEAD = struct.Struct(">I4sQ")  # length, kind, and the length of a box of more than 4 GB

gdal.UseExceptions()


def is_jpeg2000(path: str) -> bool:
    """Return whether a path that GDAL opens is a JPEG 2000 file, by its ending, or in a tar by its first bytes."""
    if not path.startswith("/vsisubfile/"):
        return path.lower().endswith(".jp2")
    with _open(path) as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def require_complete_jpeg2000(path: str, size: int) -> None:
    """Raise ProductError if a JPEG 2000 file is cut short, or its end was never written.

    Decoders do not notice all of these files. Of some files they only refuse the window that is cut off.
    """
    try:
        with _open(path) as file:
            end = _codestream_end(file, size)
            file.seek(max(0, min(end or 0, size) - len(END_OF_CODESTREAM)))
            tail = file.read(len(END_OF_CODESTREAM))
    except OSError as error:
        raise ProductError(f"{path} {describe_failed_read(error, DOWNLOAD_AGAIN)}.") from error
    if end is None or end > size:
        raise ProductError(f"{path} is cut short at {size} bytes or is no JPEG 2000 file; {DOWNLOAD_AGAIN}.")
    if tail != END_OF_CODESTREAM:
        raise ProductError(
            f"{path} has no end marker of JPEG 2000, so it was not written completely; {DOWNLOAD_AGAIN}."
        )


class _FileInTar:
    """A file that only GDAL opens, for reading."""

    def __init__(self, path: str):
        self._file = gdal.VSIFOpenL(path, "rb")

    def __enter__(self) -> "_FileInTar":
        return self

    def __exit__(self, *_error: object) -> None:
        gdal.VSIFCloseL(self._file)

    def seek(self, position: int) -> None:
        gdal.VSIFSeekL(self._file, position, os.SEEK_SET)

    def read(self, count: int) -> bytes:
        return bytes(gdal.VSIFReadL(1, count, self._file) or b"")


def _open(path: str) -> BinaryIO | _FileInTar:
    return _FileInTar(path) if path.startswith("/vsisubfile/") else open(path, "rb")


def _codestream_end(file: BinaryIO | _FileInTar, size: int) -> int | None:
    """Return the byte where the box `jp2c` with the pixels ends; None if it is missing. ISO/IEC 15444-1, annex I."""
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
