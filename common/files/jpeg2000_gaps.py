"""Gaps of zeros in JPEG 2000 files that came without a checksum: blocks that were not written, or were lost.

Downloads in several parts, full disks and power cuts leave them. Decoders return wrong pixels for them, without an error.
"""

import math
import struct
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path

from common.errors import ProductError

SIGNATURE = b"\0\0\0\x0cjP  "  # the first bytes of a JPEG 2000 file
END_OF_CODESTREAM = b"\xff\xd9"  # marker EOC
_START = b"\xff\x4f\xff\x51"  # markers SOC and SIZ
_CODING, _DATA = b"\xff\x52", b"\xff\x93"  # markers COD, SOD
_SIZES = struct.Struct(">4x2x2x8I H")  # width, height, their offsets, tile width and height, their offsets, components
_STYLE = struct.Struct(">2x2x2B H 4B 2x")  # flags, order, layers, colours, levels, code block width and height
_HEAD_BYTES = 2**20  # metadata come before the codestream, some KB in files of ESA
_SLACK = 64  # compressed pixels hold almost random bytes: the real test products have 7 zeros in a row at most


def require_no_gap(path: str, file: Path, start: int = 0) -> None:
    """Raise ProductError if a JPEG 2000 file holds more zero bytes in a row than compressed pixels can have.

    Bands of other formats and folders are not looked at.

    Args:
        path: for the message.
        file: on the disk.
        start: first byte of the JPEG 2000 file, if `file` is a tar that holds it.
    """
    if not file.is_file() or file.stat().st_size == 0:
        return
    with open(file, "rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        if content[start : start + len(SIGNATURE)] != SIGNATURE:
            return
        zeros = 0
        with suppress(struct.error, ValueError, ZeroDivisionError):  # other checks refuse a file without its head
            zeros = most_zeros(content[start : start + _HEAD_BYTES])
        next_file = content.find(SIGNATURE, start + 1) if start else -1  # in a tar
        data = content.find(_DATA, start)
        end = content.rfind(END_OF_CODESTREAM, start, next_file if next_file > 0 else len(content))
        gap = content.find(bytes(zeros + 1), data, end) if zeros and 0 < data < end else -1
    if gap >= 0:
        raise ProductError(
            f"{path} holds more than {zeros} zero bytes in a row from byte {gap - start} on, where JPEG 2000 has pixels: a "
            f"part of it was not written, or is lost; download it again."
        )


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
