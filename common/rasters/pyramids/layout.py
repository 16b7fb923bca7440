"""Compressed tiles -> a TIFF file, plain or Cloud-Optimized (COG). Moves bytes; decodes nothing.

A plain file holds its tiles in the order in which they were compressed, and then its directories. A COG holds the
directories first, then the tiles of the smallest overview, and those of the image last, each level row by row. The size of
a tile stands before it, and its last bytes are repeated after it. So a reader over a network needs few requests.

Reference:
    GDAL's COG driver, gdal.org/drivers/raster/cog.html: the text before the directories says how the tiles are stored.
"""

import struct
from collections.abc import Sequence
from typing import BinaryIO

from common.rasters.pyramids.pyramid import Level
from common.rasters.pyramids.tiff import (
    TILE_OFFSETS,
    TILE_SIZES,
    Directory,
    Format,
    longs,
    overview_directory,
    pack_directories,
    pad,
)

_SIZE_BYTES, _REPEATED_BYTES = 4, 4
_STORAGE = """\
LAYOUT=IFDS_BEFORE_DATA
BLOCK_ORDER=ROW_MAJOR
BLOCK_LEADER=SIZE_AS_UINT4
BLOCK_TRAILER=LAST_4_BYTES_REPEATED
KNOWN_INCOMPATIBLE_EDITION=NO
 """  # the space makes room for YES, which GDAL writes when it changes the file
COG_TEXT = f"GDAL_STRUCTURAL_METADATA_SIZE={len(_STORAGE):06} bytes\n{_STORAGE}".encode()


def finish_plain(file: BinaryIO, file_format: Format, image: Directory, levels: Sequence[Level]) -> None:
    """Write the directories after the tiles of a plain file, and its header before them.

    Args:
        file: holds the tiles, after room for the header.
        file_format: of the file.
        image: directory of the image.
        levels: the image and its overviews, with the places of their tiles in the file.
    """
    end = file.seek(0, 2)
    position = end + pad(end)
    offsets = [[tile.offset for tile in level.tiles] for level in levels]
    file.write(
        bytes(pad(end)) + pack_directories(file_format, _directories(file_format, image, levels, offsets), position)
    )
    file.seek(0)
    file.write(file_format.header(position))


def write_cog(tiles: BinaryIO, file: BinaryIO, file_format: Format, image: Directory, levels: Sequence[Level]) -> None:
    """Write a COG.

    Args:
        tiles: holds the tiles.
        file: empty.
        file_format: of the file.
        image: directory of the image.
        levels: the image and its overviews, with the places of their tiles in `tiles`.
    """
    start = file_format.header_bytes + len(COG_TEXT)
    position = start + pad(start)
    nowhere = [[0] * len(level.tiles) for level in levels]
    size = len(pack_directories(file_format, _directories(file_format, image, levels, nowhere), position))
    offsets = _offsets_in_order(levels, position + size)
    file.write(file_format.header(position) + COG_TEXT + bytes(pad(start)))
    file.write(pack_directories(file_format, _directories(file_format, image, levels, offsets), position))
    for level in reversed(levels):
        for tile in level.tiles:
            tiles.seek(tile.offset)
            content = tiles.read(tile.size)
            for part in (struct.pack("<I", tile.size), content, content[-_REPEATED_BYTES:]):
                file.write(part)  # joining the parts takes four times as long as writing them


def _offsets_in_order(levels: Sequence[Level], position: int) -> list[list[int]]:
    """Return for each level the offsets of its tiles, if those of the last level begin at `position`."""
    offsets: list[list[int]] = []
    for level in reversed(levels):
        offsets.insert(0, [])
        for tile in level.tiles:
            offsets[0].append(position + _SIZE_BYTES)
            position += _SIZE_BYTES + tile.size + _REPEATED_BYTES
    return offsets


def _directories(
    file_format: Format, image: Directory, levels: Sequence[Level], offsets: Sequence[Sequence[int]]
) -> list[Directory]:
    """Return the directories of all levels, with the places of their tiles."""
    others = [overview_directory(image, level.rows, level.cols) for level in levels[1:]]
    return [
        directory | {TILE_OFFSETS: file_format.offsets(places), TILE_SIZES: longs([tile.size for tile in level.tiles])}
        for directory, level, places in zip([image, *others], levels, offsets, strict=True)
    ]
