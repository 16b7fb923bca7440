"""Gaps of zeros in JPEG 2000 files that came without a checksum: blocks that were not written, or were lost.

Downloads in several parts, full disks and power cuts leave them. Decoders return wrong pixels for them, without an error.
"""

import math
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from common.errors import ProductError

SIGNATURE = b"\0\0\0\x0cjP  "  # the first bytes of a JPEG 2000 file
END_OF_CODESTREAM = b"\xff\xd9"  # marker EOC
_START = b"\xff\x4f\xff\x51"  # markers SOC and SIZ
_CODING, _DATA = b"\xff\x52", b"\xff\x93"  # markers COD, SOD
_SIZES = struct.Struct(">4x2x2x8I H")  # width, height, their offsets, tile width and height, their offsets, components
_STYLE = struct.Struct(">2x2x2B H 4B 2x")  # flags, order, layers, colours, levels, code block width and height
_HEAD_BYTES = 2**20  # metadata come before the codestream, some KB in files of ESA
_BLOCK_BYTES = 4 * 2**20
_SLACK = 64  # compressed pixels hold almost random bytes: the real test products have 7 zeros in a row at most


def require_no_gap(path: str, file: Path, start: int = 0, size: int | None = None) -> None:
    """Raise ProductError if a JPEG 2000 file holds more zero bytes in a row than compressed pixels can have.

    Bands of other formats and folders are not looked at.

    Args:
        path: for the message.
        file: on the disk.
        start: first byte of the JPEG 2000 file, if `file` is a tar that holds it.
        size: bytes of the JPEG 2000 file; None for all of `file`.

    Raises:
        OSError: the file cannot be read.
    """
    if not file.is_file():
        return
    with file.open("rb") as opened:
        end = file.stat().st_size if size is None else start + size
        opened.seek(start)
        head = opened.read(min(_HEAD_BYTES, end - start))
        if not head.startswith(SIGNATURE):
            return
        zeros = 0
        with suppress(struct.error, ValueError, ZeroDivisionError):  # other checks refuse a file without its head
            zeros = most_zeros(head)
        data = _find(opened, _DATA, start, end) if zeros else -1
        gap = _find(opened, bytes(zeros + 1), data, end) if data > 0 else -1
        is_in_pixels = gap >= 0 and _find(opened, END_OF_CODESTREAM, gap, end) >= 0
    if is_in_pixels:
        raise ProductError(
            f"{path} holds more than {zeros} zero bytes in a row from byte {gap - start} on, where JPEG 2000 has pixels: a "
            f"part of it was not written, or is lost; download it again."
        )


def _find(file: BinaryIO, wanted: bytes, start: int, end: int) -> int:
    """Return the position of the first `wanted` between two bytes of a file; -1 if there is none.

    It reads blocks. A mapped file would end Python by a bus error if somebody cut the file short meanwhile.
    """
    for position in range(start, end, _BLOCK_BYTES):
        file.seek(position)
        block = file.read(min(_BLOCK_BYTES + len(wanted) - 1, end - position))
        if (place := block.find(wanted)) >= 0:
            return position + place
    return -1


def most_zeros(content: bytes) -> int:
    """Return the largest number of zero bytes in a row that a JPEG 2000 file can have, by its head in `content`.

    An empty packet is one zero byte, and a tile without data has only these. The head of another packet has at most a
    few bits for each code block. ISO/IEC 15444-1, annexes A.5, A.6 and B.10.

    Raises:
        ValueError, struct.error, ZeroDivisionError: the head is damaged.
    """
    head = content.index(_START)
    width, height, _, _, tile_width, tile_height, _, _, components = _SIZES.unpack_from(content, head)
    coding = content.index(_CODING, head)
    flags, _, layers, _, levels, block_width, block_height = _STYLE.unpack_from(content, coding)
    if levels > 32 or tile_width == 0:
        raise ValueError(f"{levels} levels, tiles {tile_width} px wide")
    precincts = content[coding + 14 : coding + 15 + levels] if flags & 1 else b"\xff" * (levels + 1)
    packets = blocks = 0
    for level, sizes in enumerate(precincts):
        cols, rows = (
            math.ceil(min(size, tile) / 2 ** (levels - level))
            for size, tile in ((width, tile_width), (height, tile_height))
        )
        packets += (cols // 2 ** (sizes & 15) + 2) * (rows // 2 ** (sizes >> 4) + 2)  # precincts may begin anywhere
        blocks += (cols // 2 ** (block_width + 2) + 2) * (rows // 2 ** (block_height + 2) + 2)
    return int(layers * components * (packets + blocks // 2) + _SLACK)
