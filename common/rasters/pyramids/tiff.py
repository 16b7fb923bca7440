"""The structure of TIFF files: read the directory of an image, and write directories, in the classic and in the Big format.

A directory holds the tags of one image: number -> type, count and bytes. Files are little-endian. No pixels, no GDAL.

Reference:
    TIFF Revision 6.0, Adobe 1992; BigTIFF, libtiff.gitlab.io/libtiff/specification/bigtiff.html.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SUBFILE_TYPE, WIDTH, LENGTH, TILE_OFFSETS, TILE_SIZES = 254, 256, 257, 324, 325
# Tags that describe how pixels are stored, the same in an image and its overviews: bits, compression, colours, bands, planes,
# predictor, tile width and length, extra bands, number type, and GDAL's nodata.
STORAGE = (258, 259, 262, 277, 284, 317, 322, 323, 338, 339, 42113)
_REDUCED = 1  # the subfile type of an overview
_SHORT, _LONG, _LONG8 = 3, 4, 16
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_ALIGNMENT = 8  # of directories and of their values


class Tag(NamedTuple):
    """Type, count and bytes of a tag's values."""

    type: int
    count: int
    data: bytes


Directory = dict[int, Tag]


@dataclass(frozen=True)
class Format:
    """The classic format, with offsets of 4 bytes, or BigTIFF, with offsets of 8 bytes.

    Attributes:
        head: the first bytes of a file.
        count: struct code of the number of tags in a directory.
        offset: struct code of an offset, and of the number of values of a tag.
        offset_type: TIFF type of an offset.
    """

    head: bytes
    count: str
    offset: str
    offset_type: int

    @property
    def header_bytes(self) -> int:
        """Size of the header: the first bytes, and the offset of the first directory."""
        return len(self.head) + self.offset_bytes

    @property
    def offset_bytes(self) -> int:
        """Size of an offset; values of a tag that are no longer stand in the directory itself."""
        return struct.calcsize(self.offset)

    def header(self, first_directory: int) -> bytes:
        """Return the header of a file whose first directory is at this offset."""
        return self.head + struct.pack(self.offset, first_directory)

    def offsets(self, values: Sequence[int]) -> Tag:
        """Return offsets as the values of a tag."""
        return Tag(self.offset_type, len(values), struct.pack(f"<{len(values)}{self.offset[1]}", *values))


CLASSIC = Format(b"II*\0", "<H", "<I", _LONG)
BIG = Format(b"II+\0\x08\0\0\0", "<Q", "<Q", _LONG8)


def longs(values: Sequence[int]) -> Tag:
    """Return numbers of 4 bytes as the values of a tag."""
    return Tag(_LONG, len(values), struct.pack(f"<{len(values)}I", *values))


def read_directory(content: bytes) -> tuple[Format, Directory]:
    """Return the format of a TIFF file that GDAL has just written, and its first directory."""
    file_format = next(known for known in (CLASSIC, BIG) if content.startswith(known.head))
    inline = file_format.offset_bytes
    (position,) = struct.unpack_from(file_format.offset, content, len(file_format.head))
    (count,) = struct.unpack_from(file_format.count, content, position)
    position += struct.calcsize(file_format.count)
    directory = {}
    for start in range(position, position + count * (4 + 2 * inline), 4 + 2 * inline):
        number, kind = struct.unpack_from("<HH", content, start)
        values, offset = struct.unpack_from(f"<2{file_format.offset[1]}", content, start + 4)
        size = values * _BYTES[kind]
        data_start = start + 4 + inline if size <= inline else offset
        directory[number] = Tag(kind, values, content[data_start : data_start + size])
    return file_format, directory


def overview_directory(image: Directory, rows: int, cols: int) -> Directory:
    """Return the directory of an overview, without tiles."""
    storage = {number: image[number] for number in STORAGE if number in image}
    return storage | {SUBFILE_TYPE: longs([_REDUCED]), WIDTH: longs([cols]), LENGTH: longs([rows])}


def pad(position: int) -> int:
    """Return the bytes to leave free so that the next directory or value begins where it may."""
    return -position % _ALIGNMENT


def pack_directories(file_format: Format, directories: Sequence[Directory], position: int) -> bytes:
    """Return the bytes of directories that follow each other in a file, each with its values after it.

    Args:
        file_format: of the file.
        directories: the image, then its overviews.
        position: in the file where these bytes will begin, as `pad` aligns it.
    """
    packed = bytearray()
    for directory in directories:
        entries_bytes = struct.calcsize(file_format.count) + len(directory) * (4 + 2 * file_format.offset_bytes)
        values_at = position + len(packed) + entries_bytes + file_format.offset_bytes
        entries, values = bytearray(), bytearray(pad(values_at))
        for number, tag in sorted(directory.items()):
            field = tag.data
            if len(field) > file_format.offset_bytes:
                field = struct.pack(file_format.offset, values_at + len(values))
                values += tag.data + bytes(pad(len(tag.data)))
            entries += struct.pack(f"<HH{file_format.offset[1]}", number, tag.type, tag.count)
            entries += field.ljust(file_format.offset_bytes, b"\0")
        values += bytes(pad(values_at + len(values)))
        following = 0 if directory is directories[-1] else values_at + len(values)
        packed += struct.pack(file_format.count, len(directory)) + entries
        packed += struct.pack(file_format.offset, following) + values
    return bytes(packed)
