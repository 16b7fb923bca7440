"""Slots of a prepared file that is being filled: processes and ranks write side by side, without a lock.

No HDF5 here: the arrays are contiguous, so the position of a patch follows from its row (`bigearthnet/prepared/file.py`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from xxhash import xxh3_64_intdigest

from common.errors import OutputError

DONE = "done"
_MAX_PIECES = 1024  # of one call of pwritev: IOV_MAX of Linux


@dataclass(frozen=True)
class Slot:
    """The position of an array in the file.

    Attributes:
        offset: position of its first byte.
        shape: shape of one patch, without N.
        dtype: name of its type.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @cached_property  # used several times for each patch
    def size(self) -> int:
        """Bytes of one patch."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Slots:
    """The positions of the images of all patches; small, and sent to the processes that write.

    Attributes:
        path: the file.
        images: group -> its slot, in the order of the schema.
        sums: group -> slot of the checksums of its images.
        done: slot of the marks of the patches that are written.
        inode: number of the file on its disk, the same on all machines.
    """

    path: Path
    images: Mapping[str, Slot]
    sums: Mapping[str, Slot]
    done: Slot
    inode: int

    @contextmanager
    def open(self) -> Iterator[int]:
        """Yield a descriptor of the file, open for reading and writing.

        Raises:
            OSError: the file cannot be opened.
            OutputError: another job has begun the file again, with arrays at other positions.
        """
        file = os.open(self.path, os.O_RDWR)
        try:
            if os.fstat(file).st_ino != self.inode:
                raise OutputError(
                    f"{self.path} was replaced by another job; wait until that ends, or give another --output."
                )
            yield file
        finally:
            os.close(file)

    def write(self, file: int, first: int, patches: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Write patches in successive rows, then their checksums, then the marks that they are written.

        Args:
            file: descriptor of the prepared file, open for writing.
            first: row of the first patch.
            patches: group -> image (rows, cols, bands), of each patch.

        Raises:
            ValueError: an image has another shape or type than the file.
            OSError: the disk is full.
        """
        sums = {}
        for name, slot in self.images.items():
            images = [np.ascontiguousarray(patch[name]) for patch in patches]
            for image in images:
                if image.shape != slot.shape or image.dtype.name != slot.dtype:
                    raise ValueError(f"{name} must be {slot.shape} {slot.dtype}; got {image.shape} {image.dtype}.")
            contents = [image.data.cast("B") for image in images]
            sums[name] = np.array([xxh3_64_intdigest(content) for content in contents], np.uint64)
            write_all(file, contents, slot.offset + first * slot.size)
        for name, slot in self.sums.items():
            write_all(file, [sums[name].tobytes()], slot.offset + first * slot.size)
        write_all(file, [b"\1" * len(patches)], self.done.offset + first * self.done.size)

    def holds(self, file: int, row: int) -> bool:
        """Return whether a patch is marked as written and its images match their checksums.

        After a crash of the machine a patch may be marked although its images are not on the disk.

        Args:
            file: descriptor of the prepared file, open for reading.
            row: row of the patch.
        """
        if os.pread(file, 1, self.done.offset + row * self.done.size) != b"\1":
            return False
        for name, slot in self.images.items():
            content = os.pread(file, slot.size, slot.offset + row * slot.size)
            sums = self.sums[name]
            stored = os.pread(file, sums.size, sums.offset + row * sums.size)
            if len(content) < slot.size or np.uint64(xxh3_64_intdigest(content)).tobytes() != stored:
                return False
        return True


def write_all(file: int, pieces: Sequence[bytes | memoryview], offset: int) -> None:
    """Write pieces one after the other from an offset on, with as many calls of `os.pwritev` as it takes."""
    left = [memoryview(piece) for piece in pieces]
    while left:
        written = os.pwritev(file, left[:_MAX_PIECES], offset)
        offset += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]
