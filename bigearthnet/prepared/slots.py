"""Places of patches in a prepared file that is being filled: processes and ranks write side by side, without a lock.

No HDF5 here: the arrays are contiguous, so that a patch's place follows from its number (`bigearthnet/prepared/file.py`).
"""

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

SUMS, DONE = "checksums", "done"


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
        sums, done: places of the checksums and of the marks of the patches that are written.
    """

    path: Path
    images: Mapping[str, Slot]
    sums: Slot
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
        sums = np.zeros(count, np.uint64)
        for name, slot in self.images.items():
            image = np.ascontiguousarray(images[name])
            if image.shape != (count, *slot.shape) or image.dtype.name != slot.dtype:
                raise ValueError(f"{name} must be {slot.shape} {slot.dtype}; got {image.shape[1:]} {image.dtype}.")
            sums += [checksum(patch.data.cast("B"), name) for patch in image]
            write_all(file, image.data.cast("B"), slot.offset + first * slot.size)
        write_all(file, sums.tobytes(), self.sums.offset + first * self.sums.size)
        write_all(file, b"\1" * count, self.done.offset + first * self.done.size)

    def holds(self, file: int, row: int) -> bool:
        """Is a patch written, and on the disk as it was written? After a crash of the machine it may be marked only."""
        if os.pread(file, 1, self.done.offset + row * self.done.size) != b"\1":
            return False
        found = np.zeros(1, np.uint64)
        for name, slot in self.images.items():
            data = os.pread(file, slot.size, slot.offset + row * slot.size)
            if len(data) < slot.size:
                return False
            found += checksum(data, name)
        return os.pread(file, self.sums.size, self.sums.offset + row * self.sums.size) == found.tobytes()


def checksum(data: bytes | memoryview, group: str) -> np.uint64:
    """The sum modulo 2^64 of the 64-bit words of an image, each times an odd number of its place and group.

    A change of one word always shows, of several all but surely. A third of the time of CRC-32.
    """
    words = np.frombuffer(data, np.uint64)
    return np.dot(words, odd_numbers(len(words), zlib.crc32(group.encode())))


@lru_cache
def odd_numbers(count: int, seed: int) -> np.ndarray:
    """(count,) uint64, well spread: of the multiples of the golden ratio's bits, as in splitmix64."""
    return (np.arange(seed, seed + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)


def write_all(file: int, data: bytes | memoryview, offset: int) -> None:
    """`os.pwrite`, repeated until everything is written."""
    data = memoryview(data)
    while len(data):
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written
