"""Places of patches in a prepared file that is being filled: processes and ranks write side by side, without a lock.

No HDF5 here: the arrays are contiguous, so that a patch's place follows from its number (`bigearthnet/patch_file.py`).
"""

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

CRC, DONE = "crc32", "done"


@dataclass(frozen=True)
class Slot:
    """Where an array lies in the file.

    Attributes:
        offset: of its first byte.
        shape: of one patch, without N.
        dtype: name of its type.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @cached_property  # asked for several times a patch
    def size(self) -> int:
        """Bytes of one patch."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Slots:
    """Where the images of all patches lie; small, and sent to the processes that write.

    Attributes:
        path: the file.
        images: group -> its place, in the order of the schema.
        crc, done: places of the checksums and of the marks of the patches that are written.
    """

    path: Path
    images: Mapping[str, Slot]
    crc: Slot
    done: Slot

    def write(self, file: int, row: int, images: Mapping[str, np.ndarray]) -> None:
        """Write a patch's images and their checksum to an open file descriptor, and mark it.

        Raises:
            ValueError: an image has another shape or type than the file.
            OSError: the disk is full.
        """
        crc = 0
        for name, slot in self.images.items():
            image = np.ascontiguousarray(images[name])
            if image.shape != slot.shape or image.dtype != slot.dtype:
                raise ValueError(f"{name} must be {slot.shape} {slot.dtype}; got {image.shape} {image.dtype}.")
            crc = zlib.crc32(image.data, crc)
            write_all(file, image.data.cast("B"), slot.offset + row * slot.size)
        write_all(file, np.uint32(crc).tobytes(), self.crc.offset + row * self.crc.size)

        write_all(file, b"\1", self.done.offset + row * self.done.size)

    def holds(self, file: int, row: int) -> bool:
        """Is a patch written, and on the disk as it was written? After a crash of the machine it may be marked only."""
        if os.pread(file, 1, self.done.offset + row * self.done.size) != b"\1":
            return False
        crc = 0
        for slot in self.images.values():
            crc = zlib.crc32(os.pread(file, slot.size, slot.offset + row * slot.size), crc)
        return os.pread(file, 4, self.crc.offset + row * self.crc.size) == np.uint32(crc).tobytes()


def write_all(file: int, data: bytes | memoryview, offset: int) -> None:
    """`os.pwrite`, repeated until everything is written."""
    data = memoryview(data)
    while len(data):
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written
