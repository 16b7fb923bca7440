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

    def empty(self, count: int) -> dict[str, np.ndarray]:
        """Room for the images of so many patches, to be filled and written: group -> (count, rows, cols, bands)."""
        return {name: np.empty((count, *slot.shape), slot.dtype) for name, slot in self.images.items()}

    def write(self, file: int, first: int, images: Mapping[str, np.ndarray]) -> None:
        """Write patches of successive rows to an open file descriptor, then their checksums, then mark them.

        Args:
            file: of the prepared file.
            first: row of the first patch.
            images: group -> (n, rows, cols, bands).

        Raises:
            ValueError: the images have another shape or type than the file.
            OSError: the disk is full.
        """
        count = len(next(iter(images.values())))
        crcs = [0] * count
        for name, slot in self.images.items():
            image = np.ascontiguousarray(images[name])
            if image.shape != (count, *slot.shape) or image.dtype.name != slot.dtype:
                raise ValueError(f"{name} must be {slot.shape} {slot.dtype}; got {image.shape[1:]} {image.dtype}.")
            crcs = [zlib.crc32(patch, crc) for patch, crc in zip(image, crcs, strict=True)]
            write_all(file, image.data.cast("B"), slot.offset + first * slot.size)
        write_all(file, np.array(crcs, np.uint32).tobytes(), self.crc.offset + first * self.crc.size)
        write_all(file, b"\1" * count, self.done.offset + first * self.done.size)

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
